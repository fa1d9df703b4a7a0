"""Finding our way in SQL text without understanding it: where tokens, clauses and inline data begin.

The engine parses. This module answers what an HTTP front must know before: is it an INSERT with data behind it, may it
have a result, which FORMAT does it name, is there a second statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from otelhouse.clickhouse_server.errors import NOT_IMPLEMENTED, SYNTAX_ERROR, ServerError

# What is not closed reaches to the end: so every byte is looked at once, whatever it is.
_TOKEN = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*(?:.*?\*/|.*))
    |(?P<quoted>'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)|"(?:[^"\\]|\\.|"")*+(?:"|\\?\Z)|`(?:[^`\\]|\\.|``)*+(?:`|\\?\Z))
    |(?P<heredoc>\$(?P<tag>\w*)\$(?:.*?\$(?P=tag)\$|.*))
    |(?P<word>[A-Za-z_][\w$]*)
    |(?P<number>[0-9]\w*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_AFTER_FORMAT = re.compile(rb"[ \t\f]*\r?\n?")
_NAME = re.compile(rb"\w{1,64}")
_OPEN, _CLOSE = b"([{", b")]}"
# Results that may be large. Those of SHOW and its like are small, and the engine loses their INTO OUTFILE.
_SELECTS = {b"SELECT", b"WITH", b"FROM", b"("}
_STATEFUL = {b"SET", b"USE"}


class Kind(Enum):
    """What the front has to do with a statement."""

    SELECT = "its rows are streamed to the client"
    INSERT = "data follows it"
    KILL = "it stops other requests"
    STATE = "it changes a session, and requests share none"
    OTHER = "it runs, and its result is small"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL: `text` in upper case if it is a word; [start, end) in the statement's bytes."""

    text: bytes
    start: int
    end: int
    depth: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without its data. `format` is "" if none is named; `data` follows an INSERT's FORMAT or VALUES.

    `clause_at` is where a query's FORMAT or an INSERT's SETTINGS begins, -1 without one.
    """

    kind: Kind
    text: bytes
    format: str = ""
    data: bytes = b""
    clause_at: int = -1

    def into_file(self, path: str, default_format: str) -> bytes:
        """The statement with its result written to a file. Only for Kind.SELECT."""
        clause = f"\nINTO OUTFILE '{path}' APPEND".encode()
        if self.clause_at < 0:
            return self.text + clause + f" FORMAT {default_format}".encode()
        return self.text[: self.clause_at] + clause + b"\n" + self.text[self.clause_at :]

    def from_file(self, path: str) -> bytes:
        """The statement with its data read from a file. Only for Kind.INSERT."""
        clause = f"\nFROM INFILE '{path}'\n".encode()
        at = self.clause_at if self.clause_at >= 0 else len(self.text)
        return self.text[:at] + clause + self.text[at:] + f" FORMAT {self.format}".encode()


def tokens(text: bytes) -> Iterator[Token]:
    """Tokens without spaces and comments. Lazy, so that binary data behind a clause is never looked at."""
    depth = 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "skip":
            continue
        token = match.group()
        if match.lastgroup == "mark" and token in _CLOSE:
            depth = max(depth - 1, 0)
        yield Token(token.upper() if match.lastgroup == "word" else token, match.start(), match.end(), depth)
        if match.lastgroup == "mark" and token in _OPEN:
            depth += 1


def parse(text: bytes) -> Statement:
    """Divide a statement from its data. Raises ServerError if there are two, or if a result would go to a file."""
    first = next(tokens(text), None)
    if first is None:
        raise ServerError(SYNTAX_ERROR, "Syntax error: Empty query", "SYNTAX_ERROR")
    if first.text == b"INSERT":
        return _parse_insert(text)
    return _parse_other(text, first)


def _parse_insert(text: bytes) -> Statement:
    settings, clause, name = _insert_clauses(text)
    if clause is None:
        return _parse_other(text, Token(b"INSERT", 0, 0, 0))
    if clause.text == b"VALUES":
        return Statement(Kind.INSERT, text[: clause.start], "Values", text[clause.end :], settings)
    if name is None or not _NAME.fullmatch(name.text):
        raise ServerError(SYNTAX_ERROR, "Syntax error: FORMAT without a name", "SYNTAX_ERROR")
    skipped = _AFTER_FORMAT.match(text, name.end)
    data = text[skipped.end() if skipped else name.end :]
    return Statement(Kind.INSERT, text[: clause.start], text[name.start : name.end].decode("ascii"), data, settings)


def _insert_clauses(text: bytes) -> tuple[int, Token | None, Token | None]:
    """Where SETTINGS begin, VALUES or FORMAT, and the format's name; no clause for INSERT ... SELECT."""
    settings, previous = -1, b""
    found = tokens(text)
    for token in found:
        named = previous in (b"INTO", b"TABLE", b".")  # a table may be called `values`
        previous = token.text
        if token.depth or named:
            continue
        if token.text == b"INFILE":
            raise ServerError(NOT_IMPLEMENTED, "FROM INFILE is not allowed", "NOT_IMPLEMENTED")
        if token.text in (b"SELECT", b"WITH", b"WATCH"):
            return settings, None, None
        if token.text == b"SETTINGS":
            settings = token.start
        if token.text in (b"VALUES", b"FORMAT"):
            return settings, token, next(found, None) if token.text == b"FORMAT" else None
    return settings, None, None


def _parse_other(text: bytes, first: Token) -> Statement:
    end = len(text)
    top: list[Token] = []
    for token in tokens(text):
        if end < len(text):
            raise ServerError(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed)", "SYNTAX_ERROR")
        if token.text == b";" and token.depth == 0:
            end = token.start
        elif token.depth == 0:
            top.append(token)
    words = [token.text for token in top]
    if any(pair == (b"INTO", b"OUTFILE") for pair in pairwise(words)):
        raise ServerError(NOT_IMPLEMENTED, "INTO OUTFILE is not allowed", "NOT_IMPLEMENTED")
    kind = _kind(first.text, words)
    at, name = _format_clause(top, text)
    return Statement(kind, text[:end], name, b"", at)


def _kind(first: bytes, words: list[bytes]) -> Kind:
    if words[:3] == [b"KILL", b"QUERY", b"WHERE"]:
        return Kind.KILL
    if first in _STATEFUL or words[:2] == [b"CREATE", b"TEMPORARY"]:
        return Kind.STATE
    return Kind.SELECT if first in _SELECTS and b"INSERT" not in words else Kind.OTHER


def _format_clause(top: list[Token], text: bytes) -> tuple[int, str]:
    """Where a trailing FORMAT clause begins and the format it names; (-1, "") without one."""
    for index in range(len(top) - 2, 0, -1):
        if top[index].text != b"FORMAT":
            continue
        name = top[index + 1]
        follows = top[index + 2].text if index + 2 < len(top) else b"SETTINGS"
        if follows == b"SETTINGS" and name.text[:1].isalpha():
            return top[index].start, text[name.start : name.end].decode("ascii", "replace")
    return -1, ""
