"""Users' patterns: RE2, which takes linear time whatever the pattern and the text. Arrow brings it."""

from __future__ import annotations

import re

from otelhouse.rules.documents.reading import text
from otelhouse.rules.errors import InvalidRule

_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")
"""`\\C`, any one byte: the only thing in RE2 that can match a part of a character."""


def pattern(value: object, path: str) -> str:
    """A pattern that RE2 can compile."""
    import pyarrow as pa  # only where somebody uses a pattern: it costs 38 MB
    import pyarrow.compute as pc

    found = text(value, path)
    if _BYTE.search(found):
        raise InvalidRule(path, r"\C would cut characters in two")
    try:
        pc.match_substring_regex(pa.array([""]), found)
    except pa.ArrowInvalid as error:
        raise InvalidRule(path, str(error).removeprefix("Invalid regular expression: ")) from None
    return found


def replacement(value: object, path: str, of: str) -> str:
    r"""What takes the place of each match; `\1` stands for the first group of the pattern `of`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(value, str):
        raise InvalidRule(path, "must be text")
    try:
        pc.replace_substring_regex(pa.array([""]), of, value)
    except pa.ArrowInvalid as error:
        raise InvalidRule(path, str(error)) from None
    return value
