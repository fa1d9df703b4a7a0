"""Trace states without what was found in them: its list-member goes; of OpenTelemetry's own `ot=` only the part."""

from __future__ import annotations

import re
from collections.abc import Sequence

_KEPT_PART = re.compile(rb"(?:th|rv):[0-9a-f]{1,14}")
"""Parts of `ot=` that are numbers in hexadecimal: sampling is lost without them, and nothing of a person is in them."""


def without(text: bytes, hits: Sequence[Sequence[int]]) -> bytes:
    """The trace state (W3C Trace Context, 3.3) less the members that hold a hit (start, end)."""
    kept = []
    at = 0
    for member in text.split(b","):
        if not _touched(at, len(member), hits):
            kept.append(member)
        elif member.strip().startswith(b"ot="):
            kept.extend(_ours(member, at, hits))
        at += len(member) + 1
    return b",".join(kept)


def _ours(member: bytes, at: int, hits: Sequence[Sequence[int]]) -> list[bytes]:
    key, _, value = member.partition(b"=")
    place = at + len(key) + 1
    parts = []
    for part in value.split(b";"):
        if _KEPT_PART.fullmatch(part) or not _touched(place, len(part), hits):
            parts.append(part)
        place += len(part) + 1
    return [key + b"=" + b";".join(parts)] if parts else []


def _touched(at: int, size: int, hits: Sequence[Sequence[int]]) -> bool:
    return any(start < at + size and end > at for start, end in hits)
