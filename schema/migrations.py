"""The numbered migrations of each store, read from `schema/<store>/NNNN_name.sql`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

# What a semicolon may hide in: comments, strings, quoted names.
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\"|;", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. Each of its statements can be run again, so a migration cut short is simply run anew."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(store: str, directory: Path | None = None) -> tuple[Migration, ...]:
    """All migrations of a store (`clickhouse` or `postgres`), in order. Raises ValueError if two share a number."""
    root = directory or Path(__file__).parent
    found: dict[int, Migration] = {}
    for path in sorted((root / store).glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise ValueError(f"migration {path.name} is not named NNNN_name.sql")
        version = int(match[1])
        if version in found:
            raise ValueError(f"migration {version} of {store} exists twice: {found[version].name}, {path.stem}")
        found[version] = Migration(version, path.stem, path.read_text(encoding="utf-8"))
    return tuple(found.values())


def statements(text: str) -> Iterator[str]:
    """Split SQL at its semicolons, not at those in strings, quoted names and comments; empty ones are left out."""
    start = 0
    for token in _TOKEN.finditer(text + ";"):
        if token[0] == ";":
            statement = text[start : token.start()].strip()
            if _COMMENT.sub("", statement).strip():
                yield statement
            start = token.end()
