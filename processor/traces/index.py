"""Rows of `trace_index`: where in time and in the log a window's traces are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, fixed, nanoseconds, place, rows_of
from processor.traces.spans import durations
from schema.arrays import I64, U8, U64, Mask
from schema.arrow import TRACE_INDEX


def index_rows(batch: Batch, waits: Mask) -> pa.RecordBatch:
    """One row for each (tenant, class, trace id) of the window. `max_time` is the latest end of a span.

    `waits` bool[spans]: those that wait for the verdict on their trace.
    """
    spans = batch.scan.items
    ids = spans["trace_id"].fixed(16)
    order, starts = _grouped(batch, ids)
    first = order[starts]
    begins = np.minimum(spans["start_time_unix_nano"], np.uint64(2**63 - 1))
    ends = begins + durations(begins, spans["end_time_unix_nano"]).astype(np.uint64)
    offsets = batch.offset[spans.call]
    columns = place(batch, spans.call[first]) | {
        "trace_id": fixed(ids[first]),
        "min_time": nanoseconds(_reduced(np.minimum, begins[order], starts)),
        "max_time": nanoseconds(_reduced(np.maximum, ends[order], starts)),
        "spans": pa.array(np.diff(np.append(starts, len(order))).astype(np.uint32)),
        "partition": pa.array(np.full(len(starts), batch.window.name.partition, np.uint16)),
        "first_offset": pa.array(_reduced(np.minimum, offsets[order], starts)),
        "last_offset": pa.array(_reduced(np.maximum, offsets[order], starts)),
        "pending": pa.array(_reduced(np.maximum, waits[order].astype(np.uint64), starts).astype(np.bool_)),
    }
    return rows_of(TRACE_INDEX, columns | block(batch, len(starts)))


def _grouped(batch: Batch, ids: U8) -> tuple[I64, I64]:
    """(span rows ordered by trace, where in that order each trace starts)."""
    halves = np.ascontiguousarray(ids).view(np.uint64).reshape(-1, 2)
    calls = batch.scan.items.call
    owner = batch.tenant[calls].astype(np.int64) << 8 | batch.retention_class[calls]
    order = np.lexsort((halves[:, 1], halves[:, 0], owner))
    keys = (halves[order, 0], halves[order, 1], owner[order])
    new = np.ones(len(order), bool)
    new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return order, np.flatnonzero(new)


def _reduced(function: np.ufunc, values: U64, starts: I64) -> U64:
    reduced: U64 = function.reduceat(values, starts) if len(starts) else values[:0]
    return reduced
