"""The spans of clients and servers of a window, as the service graph takes them: one pass over the scanned rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import from_dtype, njit, types

from processor.traces.facts import CLIENT, CONSUMER, ERROR, PRODUCER, SERVER, SpanFacts
from processor.traces.pairing import SPAN
from processor.traces.peers import EXTERNAL
from schema.arrays import I64, Mask
from schema.loads import address, load64, prefetch

_AHEAD = 8
"""How many spans ahead their bytes are asked for."""


class Described(NamedTuple):
    """`spans`: rows of `pairing.SPAN`, in the order of the log, without peers; `rows` int64[spans]: their rows among
    the batch's spans. bool[spans]: `identified`, whether it has the ids by which it can be paired; `root`, whether it
    is a server's or consumer's without a parent; `asked`, whether its attributes may name the other side.
    """

    spans: npt.NDArray[np.void]
    rows: I64
    identified: Mask
    root: Mask
    asked: Mask


def describe(facts: SpanFacts, tenants: I64, services: I64) -> Described:
    """`tenants`, `services`: the words of the batch's tenants, and of the facts' services."""
    scan = facts.batch.scan
    items = scan.items
    chosen = np.flatnonzero(facts.kind >= SERVER)
    rows = facts.rows[chosen]
    spans = np.empty(len(rows), SPAN)
    identified, root, asked = (np.empty(len(rows), np.bool_) for _ in range(3))
    columns = np.array([items.place(name) for name in ("trace_id", "span_id", "parent_span_id")])
    describe_spans(
        scan.data, *items.raw, columns, chosen, rows, facts.call, tenants[facts.batch.tenant],
        facts.batch.retention_class, facts.batch.log_ms, services[facts.service], facts.kind, facts.status,
        facts.bucket, facts.duration, facts.weight, spans, identified, root, asked,
    )  # fmt: skip
    return Described(spans, rows, identified, root, asked)


_I32, _I64 = types.Array(types.int32, 1, "C"), types.Array(types.int64, 1, "C")
_U8, _F64 = types.Array(types.uint8, 1, "C"), types.Array(types.float64, 1, "C")
_BOOL, _SPANS = types.Array(types.bool_, 1, "C"), types.Array(from_dtype(SPAN), 1, "C")


@njit(nogil=True, cache=True)
def _id(source, ints, place, part):
    """Eight bytes of an id whose slice stands at `place`."""
    return np.int64(load64(source, np.int64(ints[place]) + 8 * part))


@njit(
    types.void(
        _U8, _I32, types.int64, types.int64, _I64, _I64, _I64, _I32, _I64, _U8, _I64, _I64, _I64, _I64, _I64, _I64,
        _F64, _SPANS, _BOOL, _BOOL, _BOOL,
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def describe_spans(
    data, ints, at, stride, columns, chosen, rows, calls, tenants, classes, log_ms, services, kinds, statuses, buckets,
    durations, weights, spans, identified, root, asked,
):  # fmt: skip
    """See Described. `ints`, `at`, `stride`: see Table.raw; `tenants`, `classes` and `log_ms` by call; `chosen` and
    `rows`: places among the facts, and rows of the scan's items."""
    source = address(data)
    for i in range(len(rows)):
        if i + _AHEAD < len(rows):
            prefetch(source, np.int64(ints[at + rows[i + _AHEAD] * stride + columns[0]]))  # the ids stand together
        row, place = chosen[i], at + rows[i] * stride
        call, kind = calls[row], kinds[row]
        client = kind in (CLIENT, PRODUCER)
        trace, own, parent = place + columns[0], place + columns[1], place + columns[2]
        has_trace, has_own, has_parent = ints[trace + 1] == 16, ints[own + 1] == 8, ints[parent + 1] == 8
        span = spans[i]
        span.trace_1 = _id(source, ints, trace, 0) if has_trace else 0
        span.trace_2 = _id(source, ints, trace, 1) if has_trace else 0
        caller = _id(source, ints, parent, 0) if has_parent else 0
        if client:
            span.span = _id(source, ints, own, 0) if has_own else 0
        else:
            span.span = caller
        span.tenant = tenants[call]
        span.kind = kind
        span.arrived = log_ms[call]
        span.service = services[row]
        span.retention_class = classes[call]
        span.bucket = buckets[row]
        span.duration = durations[row]
        span.failed = statuses[row] == ERROR
        span.weight = weights[row]
        span.peer, span.unpaired = -1, EXTERNAL
        identified[i] = (span.trace_1 | span.trace_2) != 0 and span.span != 0
        root[i] = not client and caller == 0
        asked[i] = client or (root[i] and kind == CONSUMER)
