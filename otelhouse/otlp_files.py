"""Files of OTLP JSON that commands read: one document, or one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from otelhouse.errors import StartupError


def documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Where each document stands, and its text. Raises StartupError if the file cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise StartupError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        json.loads(text)
    except ValueError:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield f"{path}:{number}", line
    else:
        yield str(path), text
