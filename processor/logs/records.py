"""Rows of `logs` from a batch's log record columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, fixed, nanoseconds, place, rows_of, within
from processor.resources import Resources
from processor.scopes import scope_columns
from schema.arrow import LOGS
from schema.wire import Owner
from schema.wire.maps import to_map
from schema.wire.text import text_of_bodies

_LAST_SEVERITY = 24


def log_rows(batch: Batch, resources: Resources) -> pa.RecordBatch:
    """One row a log record, in the log's order.

    A record without its own time has the time it was observed at (OTLP's `time_unix_nano`); without both, the time
    when the log took it, or it would lie in 1970 where nobody looks.
    """
    records, resource = batch.scan.items, batch.scan.resource_of_items
    times, observed = records["time_unix_nano"], records["observed_time_unix_nano"]
    seen = np.where(observed == 0, batch.append_ns[records.call], observed)
    body, body_json = text_of_bodies(batch.scan)
    attributes, keys = to_map(batch.scan, Owner.ITEM)
    columns = place(batch, records.call) | {
        "time": nanoseconds(np.where(times == 0, seen, times)),
        "observed_time": nanoseconds(observed),
        "trace_id": fixed(records["trace_id"].fixed(16)),
        "span_id": fixed(records["span_id"].fixed(8)),
        "flags": pa.array(records["flags"]),
        "severity_number": within(records["severity_number"], _LAST_SEVERITY),
        "severity_text": records["severity_text"].to_arrow(),
        "service": resources.services.take(pa.array(resource)),
        "event_name": records["event_name"].to_arrow(),
        "body": body,
        "body_json": pa.array(body_json),
        "resource": pa.array(resources.ids[resource]),
        "attributes": attributes,
        "attributes_json": keys,
    }
    columns |= scope_columns(batch, records.parent) | block(batch, len(records))
    return rows_of(LOGS, columns)
