"""Rows of `red_exemplars`: the slowest of a window's stored spans, by which what was measured leads to traces.

Of each tenant, class, service, operation, kind and status one; as these are stored, so are their traces.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from processor.columns import block, fixed, nanoseconds, place, rows_of
from processor.traces.facts import LAST_KIND, LAST_STATUS, SpanFacts
from schema.arrays import I64, U8, U64
from schema.arrow import RED_EXEMPLARS

MOST_EXEMPLARS = 1_000
"""Of a tenant in a window."""
_CLASSES = 256


def exemplar_rows(facts: SpanFacts, most: int = MOST_EXEMPLARS) -> pa.RecordBatch:
    """Of spans of the same duration that with the smallest trace id, then span id; of more than `most` of a tenant
    the slowest."""
    batch = facts.batch
    rows = _slowest(facts)
    rows = rows[_first(facts, rows, most)]
    columns = place(batch, facts.call[rows]) | {
        "time": nanoseconds(facts.column("start_time_unix_nano")[rows]),
        "service": pa.DictionaryArray.from_arrays(
            pa.array(facts.service[rows].astype(np.int32)), facts.services.cast(pa.string())
        ),
        "operation": facts.column("name").take(rows).to_arrow(),
        "kind": pa.array(facts.kind[rows].astype(np.uint8)),
        "status": pa.array(facts.status[rows].astype(np.uint8)),
        "duration_ns": pa.array(facts.duration[rows]),
        "trace_id": fixed(facts.column("trace_id").fixed(16)[rows]),
        "span_id": fixed(facts.column("span_id").fixed(8)[rows]),
    }
    return rows_of(RED_EXEMPLARS, columns | block(batch, len(rows)))


def _slowest(facts: SpanFacts) -> I64:
    """The slowest span of each group, in the order in which these begin."""
    kinds, statuses = LAST_KIND + 1, LAST_STATUS + 1
    told_by = (facts.tenant * kinds + facts.kind) * statuses + facts.status
    size = len(facts.batch.tenants) * kinds * statuses
    groups = facts.operations.split(told_by * _CLASSES + facts.retention_class, size * _CLASSES)
    slowest = np.full(len(groups), -1, np.int64)
    traces, spans = facts.column("trace_id").fixed(16), facts.column("span_id").fixed(8)
    find_slowest(groups.of_row, facts.duration, traces, spans, slowest)
    return slowest


def _first(facts: SpanFacts, rows: I64, most: int) -> I64:
    """Places in `rows`, ascending, of each tenant's slowest."""
    tenant = facts.tenant[rows]
    traces = _numbers(facts.column("trace_id").fixed(16)[rows])
    spans = _numbers(facts.column("span_id").fixed(8)[rows])
    order = np.lexsort((spans[:, 0], traces[:, 1], traces[:, 0], -facts.duration[rows], tenant))
    begins = np.searchsorted(tenant[order], tenant[order])
    first: I64 = np.sort(order[np.arange(len(order)) - begins < most])
    return first


def _numbers(ids: U8) -> U64:
    """Ids as numbers that order as they do, eight bytes each."""
    return np.ascontiguousarray(ids).view(">u8").astype(np.uint64)


@njit("int64(uint8[:,::1], int64, int64)", nogil=True, cache=True)
def _order(ids, i, j):
    """Below 0 if id i is the smaller, 0 if they are the same."""
    for at in range(ids.shape[1]):
        if ids[i, at] != ids[j, at]:
            return np.int64(ids[i, at]) - np.int64(ids[j, at])
    return np.int64(0)


@njit("void(int64[::1], int64[::1], uint8[:,::1], uint8[:,::1], int64[::1])", nogil=True, cache=True)
def find_slowest(group, durations, traces, spans, slowest):
    """slowest[group], -1 before, = the row of the longest duration, of these the smallest ids, of these the first."""
    for row in range(len(group)):
        held = slowest[group[row]]
        if held >= 0:
            if durations[row] < durations[held]:
                continue
            if durations[row] == durations[held]:
                order = _order(traces, row, held)
                if order > 0 or (order == 0 and _order(spans, row, held) >= 0):
                    continue
        slowest[group[row]] = row
