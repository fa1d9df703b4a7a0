"""W3C trace state, and in it the member `ot` that says how a span was sampled.

W3C Trace Context Level 2, "tracestate Header Field Values"; OpenTelemetry specification, "TraceState Handling" and
"TraceState: Probability Sampling": `ot=th:T;rv:R`, where a span is kept if its randomness R (56 bits: `rv`, else the
end of the trace id) is at least the threshold T, and then stands for 2^56 / (2^56 - T) spans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BITS = 56
NONE = -1
"""No threshold or randomness is given."""

_DIGITS = BITS // 4
_MOST_MEMBERS = 32
_LONGEST_VALUE = 256
_KEY = re.compile(rb"[a-z0-9][a-z0-9_\-*/@]{0,255}")
_VALUE = re.compile(rb"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_SUB_KEY = re.compile(rb"[a-z][a-z0-9]*")
_SUB_VALUE = re.compile(rb"[A-Za-z0-9._-]*")
_THRESHOLD = re.compile(rb"[0-9a-f]{1,14}")
_RANDOMNESS = re.compile(rb"[0-9a-f]{14}")


@dataclass(frozen=True, slots=True)
class TraceState:
    """`others`: members but `ot`, as text, in order; `extra`: sub-keys of `ot` but `th` and `rv`, as text."""

    others: tuple[bytes, ...] = ()
    extra: tuple[bytes, ...] = ()
    threshold: int = NONE
    randomness: int = NONE

    def with_threshold(self, threshold: int) -> bytes:
        """The text with this threshold: `ot` comes first, and what no longer fits is left out from the right."""
        parts = [b"th:" + threshold_text(threshold)]
        if self.randomness != NONE:
            parts.append(b"rv:%014x" % self.randomness)
        long = b";".join((*parts, *self.extra))
        ot = b"ot=" + (long if len(long) <= _LONGEST_VALUE else b";".join(parts))
        return b",".join((ot, *self.others[: _MOST_MEMBERS - 1]))


def threshold_text(threshold: int) -> bytes:
    """A threshold as `th` has it: 14 hexadecimal digits without the zeros at the end."""
    return (b"%014x" % threshold).rstrip(b"0") or b"0"


def parse(text: bytes) -> TraceState:
    """Read a trace state. One that is not valid counts as empty, as W3C says; so does each part of `ot`."""
    others: dict[bytes, bytes] = {}
    for member in text.split(b","):
        member = member.strip(b" \t")
        if not member:
            continue
        key, equals, value = member.partition(b"=")
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value) or key in others:
            return TraceState()
        others[key] = value
    if len(others) > _MOST_MEMBERS:
        return TraceState()
    ot = others.pop(b"ot", b"")
    return _with_ot(tuple(key + b"=" + value for key, value in others.items()), ot)


def _with_ot(others: tuple[bytes, ...], ot: bytes) -> TraceState:
    found: dict[bytes, bytes] = {}
    for part in ot.split(b";"):
        key, colon, value = part.partition(b":")
        if colon and _SUB_KEY.fullmatch(key) and _SUB_VALUE.fullmatch(value):
            found.setdefault(key, value)
    threshold, randomness = found.pop(b"th", b""), found.pop(b"rv", b"")
    return TraceState(
        others,
        tuple(key + b":" + value for key, value in found.items()),
        int(threshold.ljust(_DIGITS, b"0"), 16) if _THRESHOLD.fullmatch(threshold) else NONE,
        int(randomness, 16) if _RANDOMNESS.fullmatch(randomness) else NONE,
    )
