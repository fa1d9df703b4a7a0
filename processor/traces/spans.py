"""Rows of `spans` from a batch's span columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, fixed, nanoseconds, offsets_of, place, rows_of, within
from processor.resources import Resources
from processor.scopes import scope_columns
from processor.traces.weight import adjusted_counts
from schema.arrays import F64, I64, U64
from schema.arrow import SPANS
from schema.wire import Owner
from schema.wire.maps import to_map

_LAST_KIND, _LAST_STATUS = 5, 2
_LONGEST_NS = np.uint64(2**63 - 1)


def durations(starts: U64, ends: U64) -> I64:
    """Nanoseconds from start to end; 0 where a span has no end or ends before it starts."""
    return np.minimum(np.where(ends > starts, ends - starts, 0), _LONGEST_NS).astype(np.int64)


def span_rows(batch: Batch, resources: Resources, weights: F64 | None = None) -> pa.RecordBatch:
    """One row a span, in the batch's order. `weights` float64[spans]: how many each stands for after tail sampling."""
    spans, resource = batch.scan.items, batch.scan.resource_of_items
    starts, trace_states = spans["start_time_unix_nano"], spans["trace_state"].to_arrow()
    attributes, keys = to_map(batch.scan, Owner.ITEM)
    columns = place(batch, spans.call) | {
        "time": nanoseconds(starts),
        "duration_ns": pa.array(durations(starts, spans["end_time_unix_nano"])),
        "trace_id": fixed(spans["trace_id"].fixed(16)),
        "span_id": fixed(spans["span_id"].fixed(8)),
        "parent_id": fixed(spans["parent_span_id"].fixed(8)),
        "trace_state": trace_states,
        "flags": pa.array(spans["flags"]),
        "service": resources.services.take(pa.array(resource)),
        "name": spans["name"].to_arrow(),
        "kind": within(spans["kind"], _LAST_KIND),
        "status": within(spans["status.code"], _LAST_STATUS),
        "status_message": spans["status.message"].to_arrow(),
        "adjusted_count": pa.array(adjusted_counts(trace_states) * (1.0 if weights is None else weights)),
        "resource": pa.array(resources.ids[resource]),
        "attributes": attributes,
        "attributes_json": keys,
    }
    columns |= scope_columns(batch, spans.parent) | _events(batch) | _links(batch) | block(batch, len(spans))
    return rows_of(SPANS, columns)


def _events(batch: Batch) -> dict[str, pa.Array]:
    events = batch.scan.events
    at = offsets_of(events.parent, len(batch.scan.items))
    attributes, keys = to_map(batch.scan, Owner.EVENT)
    return {
        "events_time": pa.ListArray.from_arrays(at, nanoseconds(events["time_unix_nano"])),
        "events_name": pa.ListArray.from_arrays(at, events["name"].to_arrow()),
        "events_attributes": pa.ListArray.from_arrays(at, attributes),
        "events_attributes_json": pa.ListArray.from_arrays(at, keys),
    }


def _links(batch: Batch) -> dict[str, pa.Array]:
    links = batch.scan.links
    at = offsets_of(links.parent, len(batch.scan.items))
    attributes, keys = to_map(batch.scan, Owner.LINK)
    return {
        "links_trace_id": pa.ListArray.from_arrays(at, fixed(links["trace_id"].fixed(16))),
        "links_span_id": pa.ListArray.from_arrays(at, fixed(links["span_id"].fixed(8))),
        "links_trace_state": pa.ListArray.from_arrays(at, links["trace_state"].to_arrow()),
        "links_attributes": pa.ListArray.from_arrays(at, attributes),
        "links_attributes_json": pa.ListArray.from_arrays(at, keys),
    }
