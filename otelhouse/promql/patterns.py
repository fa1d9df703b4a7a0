"""Regular expressions of matchers: RE2, and anchored."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from otelhouse.promql.errors import PromQLError


@lru_cache(10_000)
def matches(pattern: str, text: str) -> bool:
    """Does the whole text match? Raises PromQLError if the pattern is none."""
    if "\\C" in pattern.replace("\\\\", ""):
        raise PromQLError("error parsing regexp: invalid escape sequence: `\\C`")
    try:
        pc.match_substring_regex(pa.array([""]), pattern=pattern)  # which must stand on its own: not `a)|(b`
        found = pc.match_substring_regex(pa.array([text], pa.string()), pattern=f"^(?s:{pattern})$")
    except pa.ArrowInvalid as error:
        raise PromQLError(f"error parsing regexp: {error}") from None
    return bool(found[0].as_py())
