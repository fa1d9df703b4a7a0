"""Which traces are decided at a window's end: those that have waited, and those that a bound does not let wait."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from otelhouse.sampling.config import TailSampling
from processor.sampling.known import BYTES, FIRST_MS, ROOT_MS, TENANT
from schema.arrays import I64

MOST_TRACE_BYTES = 32 << 20
"""A trace that holds more is decided by what is there."""
LEAST_BUFFER_BYTES = 16 << 20
"""What traces of a partition may hold however many there are."""
EARLY = ("", "no_policy", "num_traces", "trace_bytes", "buffer_bytes")
"""The bounds, by number, as the ledger has them; the first: none, the trace has waited."""
WAITS = -1
_NO_POLICY, _NUM_TRACES, _TRACE_BYTES, _BUFFER_BYTES = range(1, 5)
_NEVER = np.int64(1) << np.int64(62)


def due_times(state: I64, rules: Sequence[TailSampling | None]) -> I64:
    """int64[traces]: log time at which each is due. `state`: rows of Known; `rules` by number of the tenant."""
    wait, after = np.zeros(len(rules), np.int64), np.zeros(len(rules), np.int64)
    for place, rule in enumerate(rules):
        if rule is not None:
            wait[place], after[place] = _ms(rule.decision_wait), _ms(rule.decision_wait_after_root)
    tenant = state[:, TENANT]
    rooted = (state[:, ROOT_MS] >= 0) & (after[tenant] > 0)
    times: I64 = np.minimum(
        state[:, FIRST_MS] + wait[tenant], np.where(rooted, state[:, ROOT_MS] + after[tenant], _NEVER)
    )
    return times


def bounds(state: I64, rules: Sequence[TailSampling | None], now_ms: int, buffer_bytes: int) -> npt.NDArray[np.int8]:
    """int8[traces]: a number of EARLY for each that is decided now, else WAITS. Traces as they were first seen.

    Of a partition that holds more than `buffer_bytes` the oldest are decided early, until an eighth is free.
    """
    found = np.where(due_times(state, rules) <= now_ms, 0, WAITS).astype(np.int8)
    for place, rule in enumerate(rules):
        of_tenant = state[:, TENANT] == place
        if rule is None:
            found[of_tenant] = _NO_POLICY
            continue
        waiting = np.flatnonzero(of_tenant & (found == WAITS))
        found[waiting[: max(0, len(waiting) - rule.num_traces)]] = _NUM_TRACES
    found[(found == WAITS) & (state[:, BYTES] > MOST_TRACE_BYTES)] = _TRACE_BYTES
    held = np.cumsum(state[:, BYTES] * (found == WAITS))
    if len(held) and held[-1] > buffer_bytes:
        found[(found == WAITS) & (held <= held[-1] - buffer_bytes // 8 * 7)] = _BUFFER_BYTES
    return found


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
