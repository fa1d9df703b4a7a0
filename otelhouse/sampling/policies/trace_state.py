"""trace_state: any span whose W3C trace state has one of some values under a key. One that is malformed has none.

What is well-formed: W3C Trace Context, "tracestate Header", as OpenTelemetry's Go library reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import Mask

_MOST_MEMBERS = 32
_LONGEST = 256
"""Key and value together must be shorter, or the value is never looked for."""
_KEY = re.compile(r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})", re.ASCII)
_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


@dataclass(frozen=True)
class TraceState:
    """Values are compared exactly."""

    key: str
    values: tuple[str, ...]
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        wanted = {value for value in self.values if value and len(self.key.encode()) + len(value.encode()) < _LONGEST}
        states = traces.scan.items["trace_state"].to_arrow().dictionary_encode()
        matched = [_members(state).get(self.key) in wanted for state in states.dictionary.to_pylist()]
        return decisions(traces.any(np.array(matched, np.bool_)[states.indices.to_numpy()]))


def _members(state: str) -> dict[str, str]:
    """The members of a trace state; none if any of it is malformed."""
    found: dict[str, str] = {}
    for member in state.split(","):
        if not member:
            continue
        key, equals, value = member.partition("=")
        key, value = key.lstrip(" \t"), value.rstrip(" \t")
        if not equals or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value) or key in found:
            return {}
        found[key] = value
        if len(found) > _MOST_MEMBERS:
            return {}
    return found
