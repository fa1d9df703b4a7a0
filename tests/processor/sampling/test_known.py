"""Traces find their rows again, however many come and are forgotten."""

from __future__ import annotations

import random

import numpy as np

from processor.sampling.known import BYTES, DROPPED, KEPT, LAST_MS, OPEN, REMEMBERED_MS, STATUS, UNTIL, Known

REMEMBERED = 300


def filed(
    known: Known, traces: list[tuple[int, int]], log_ms: int, verdicts: np.ndarray
) -> tuple[list[int], list[bool]]:
    """Rows of (tenant, number) and whether each waits; every trace has one span."""
    count = len(traces)
    ids = np.array([(number * 7919, number) for _, number in traces], np.uint64).reshape(-1, 2)
    tenants = np.array([tenant for tenant, _ in traces], np.int32)
    found = known.file(
        ids, tenants, np.full(count, log_ms), np.arange(count), np.zeros(count, np.int64), np.zeros(count, np.bool_),
        verdicts,
    )  # fmt: skip
    assert len(set(found.waiting.tolist())) == len(found.waiting)
    assert (found.group >= 0).tolist() == (known.state[found.rows, STATUS] == OPEN).tolist()
    return found.rows.tolist(), (found.group >= 0).tolist()


def decided(known: Known, row: int, kept: bool, tenant: int, log_ms: int, verdicts: np.ndarray) -> None:
    verdicts[tenant, 0 if kept else 1] += 1
    known.state[row, STATUS] = KEPT if kept else DROPPED
    known.state[row, UNTIL] = verdicts[tenant, 0 if kept else 1] + REMEMBERED
    known.state[row, LAST_MS] = log_ms


def test_a_trace_keeps_its_row_and_its_verdict_until_that_is_forgotten() -> None:
    rng, known, verdicts = random.Random(3), Known(), np.zeros((3, 2), np.int64)
    row_of: dict[tuple[int, int], int] = {}
    verdict_of: dict[tuple[int, int], tuple[bool, int]] = {}
    for turn in range(120):
        traces = [(rng.randrange(3), rng.randrange(1, 4000)) for _ in range(rng.randint(1, 200))]
        rows, waits = filed(known, traces, turn, verdicts)
        for trace, row, wait in zip(traces, rows, waits, strict=True):
            kept, number = verdict_of.get(trace, (False, 0))
            if number and verdicts[trace[0], 0 if kept else 1] >= number + REMEMBERED:
                del verdict_of[trace]  # forgotten: it begins anew, in whatever row
                row_of.pop(trace)
            assert wait == (trace not in verdict_of)
            assert row_of.setdefault(trace, row) == row
        assert len(set(row_of.values())) >= len({row_of[trace] for trace in row_of if trace not in verdict_of})
        for trace in rng.sample(sorted(row_of), min(len(row_of), rng.randint(0, 250))):
            if trace not in verdict_of:
                kept = rng.random() < 0.3
                decided(known, row_of[trace], kept, trace[0], turn, verdicts)
                verdict_of[trace] = (kept, int(verdicts[trace[0], 0 if kept else 1]))
        waiting = {row_of[trace] for trace in row_of if trace not in verdict_of}
        assert set(known.open.tolist()) == waiting
    assert len(known.state) <= 1 << 14


def test_a_verdict_is_forgotten_with_time_too() -> None:
    known, verdicts = Known(), np.zeros((1, 2), np.int64)
    ((row,), _) = filed(known, [(0, 1)], 0, verdicts)
    decided(known, row, True, 0, 10, verdicts)
    assert filed(known, [(0, 1)], 9 + REMEMBERED_MS, verdicts)[1] == [False]
    assert filed(known, [(0, 1)], 10 + REMEMBERED_MS, verdicts)[1] == [True]
    assert known.state[row, BYTES] == 0


def test_tenants_have_traces_of_their_own() -> None:
    known, verdicts = Known(), np.zeros((2, 2), np.int64)
    rows, _ = filed(known, [(0, 1), (1, 1), (0, 1)], 0, verdicts)
    assert rows[0] == rows[2] != rows[1]
