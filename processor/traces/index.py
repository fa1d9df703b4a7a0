"""Rows of `trace_index`: where in time and in the log a window's traces are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit, types

from processor.batch import Batch
from processor.columns import block, fixed, nanoseconds, place, rows_of
from processor.traces.groups import SEED, scattered
from schema.arrays import I64, Mask
from schema.arrow import TRACE_INDEX

_LAST_NS = np.uint64(2**63 - 1)

FIRST, SPANS, MIN_TIME, MAX_TIME, FIRST_OFFSET, LAST_OFFSET, PENDING = range(7)
"""Columns of a trace: its first span's row, and what is told of all."""
COLUMNS = 7

_U64, _U64_2 = types.Array(types.uint64, 1, "C"), types.Array(types.uint64, 2, "C")
_I32, _I64, _I64_2 = (
    types.Array(types.int32, 1, "C"),
    types.Array(types.int64, 1, "C"),
    types.Array(types.int64, 2, "C"),
)
_BOOL = types.Array(types.bool_, 1, "C")


def index_rows(batch: Batch, waits: Mask) -> pa.RecordBatch:
    """One row for each (tenant, class, trace id) of the window. `max_time` is the latest end of a span.

    `waits` bool[spans]: those that wait for the verdict on their trace.
    """
    spans = batch.scan.items
    ids = spans["trace_id"].fixed(16)
    traces = _traces(batch, waits)
    first = traces[:, FIRST]
    columns = place(batch, spans.call[first]) | {
        "trace_id": fixed(ids[first]),
        "min_time": nanoseconds(traces[:, MIN_TIME].view(np.uint64)),
        "max_time": nanoseconds(traces[:, MAX_TIME].view(np.uint64)),
        "spans": pa.array(traces[:, SPANS].astype(np.uint32)),
        "partition": pa.array(np.full(len(traces), batch.window.name.partition, np.uint16)),
        "first_offset": pa.array(traces[:, FIRST_OFFSET].astype(np.uint64)),
        "last_offset": pa.array(traces[:, LAST_OFFSET].astype(np.uint64)),
        "pending": pa.array(traces[:, PENDING].astype(np.bool_)),
    }
    return rows_of(TRACE_INDEX, columns | block(batch, len(traces)))


def _traces(batch: Batch, waits: Mask) -> I64:
    """int64[traces, COLUMNS], by tenant, class and id: the order of the table."""
    spans = batch.scan.items
    ids = spans["trace_id"].fixed(16).view(np.uint64)
    owner = batch.tenant.astype(np.int64) << 8 | batch.retention_class
    slots = np.full(1 << (2 * len(ids) + 1).bit_length(), -1, np.int32)
    found = np.empty((len(ids), COLUMNS), np.int64)
    count = gather_traces(
        ids, spans.call, owner, batch.offset.astype(np.int64), spans["start_time_unix_nano"],
        spans["end_time_unix_nano"], waits, SEED, slots, found,
    )  # fmt: skip
    traces = found[:count]
    halves = ids[traces[:, FIRST]]
    return traces[np.lexsort((halves[:, 1], halves[:, 0], owner[spans.call[traces[:, FIRST]]]))]


@njit(
    types.int64(_U64_2, _I32, _I64, _I64, _U64, _U64, _BOOL, types.int64, _I32, _I64_2),
    nogil=True,
    cache=True,
)  # fmt: skip
def gather_traces(ids, calls, owner, offsets, starts, ends, waits, seed, slots, out):
    """out[trace] = its columns, by first span -> how many traces there are.

    `owner` and `offsets` by call; `slots`: as many -1 as a power of two above twice the spans. Times lie within the
    table's, and a span without an end, or one before its start, ends as it starts.
    """
    mask = np.uint64(len(slots) - 1)
    found = 0
    for row in range(len(ids)):
        call = calls[row]
        key = ids[row, 0] ^ scattered(ids[row, 1] + np.uint64(seed) + np.uint64(owner[call]))
        at = scattered(key) & mask
        while slots[at] >= 0:
            seen = out[slots[at], FIRST]
            if ids[seen, 0] == ids[row, 0] and ids[seen, 1] == ids[row, 1] and owner[calls[seen]] == owner[call]:
                break
            at = (at + np.uint64(1)) & mask
        begin = np.int64(min(starts[row], _LAST_NS))
        end = np.int64(min(max(ends[row], starts[row]), _LAST_NS))
        trace = np.int64(slots[at])
        if trace < 0:
            trace = slots[at] = found
            found += 1
            out[trace, FIRST], out[trace, SPANS], out[trace, PENDING] = row, 0, 0
            out[trace, MIN_TIME], out[trace, MAX_TIME] = begin, end
            out[trace, FIRST_OFFSET] = out[trace, LAST_OFFSET] = offsets[call]
        out[trace, SPANS] += 1
        out[trace, MIN_TIME] = min(out[trace, MIN_TIME], begin)
        out[trace, MAX_TIME] = max(out[trace, MAX_TIME], end)
        out[trace, FIRST_OFFSET] = min(out[trace, FIRST_OFFSET], offsets[call])
        out[trace, LAST_OFFSET] = max(out[trace, LAST_OFFSET], offsets[call])
        out[trace, PENDING] |= waits[row]
    return found
