"""How many spans a stored span stands for, by the sampling threshold in its W3C trace state.

OpenTelemetry specification, "TraceState: Probability Sampling": `ot=th:T` is a rejection threshold T of up to 14
hexadecimal digits, trailing zeros left out; a span kept under it stands for 2^56 / (2^56 - T) spans.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schema.arrays import F64

_MEMBER = r"(?:^|,)[ \t]*ot=(?P<member>[^,]*)"
_THRESHOLD = r"(?:^|;)th:(?P<th>[0-9a-f]{1,14})(?:;|[ \t]*$)"
_DIGITS = 14


def adjusted_counts(trace_states: pa.Array) -> F64:
    """Weight of each span; 1 where the trace state has no valid threshold."""
    counts = np.ones(len(trace_states))
    rows = np.flatnonzero(pc.match_substring(trace_states, "th:").to_numpy(zero_copy_only=False))
    if len(rows):
        members = pc.struct_field(pc.extract_regex(trace_states.take(pa.array(rows)), _MEMBER), "member")
        thresholds = pc.struct_field(pc.extract_regex(members, _THRESHOLD), "th").dictionary_encode()
        weights = np.array([_weight(text) for text in thresholds.dictionary.to_pylist()] + [1.0])
        counts[rows] = weights[pc.fill_null(thresholds.indices, len(weights) - 1).to_numpy()]
    return counts


def _weight(threshold: str) -> float:
    kept = (1 << 56) - int(threshold.ljust(_DIGITS, "0"), 16)
    return float((1 << 56) / kept)
