"""Step 2: the bodies of all calls, joined and read once into columns. A body that is no OTLP fails alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.answer import Code, Refused
from ingest.batch import Batch, Call
from schema.signal import Signal
from schema.wire import ErrorCode, join
from schema.wire import scan as scan_columns
from schema.wire.split import item_counts


def scan(signal: Signal, calls: Sequence[Call]) -> Batch:
    """Calls -> the batch that the other steps work on. Runs outside the interpreter's lock for the most part."""
    columns = scan_columns(signal, *join([call.body for call in calls]))
    refused = {
        int(row): Refused(Code.INVALID, f"not a valid OTLP request: {ErrorCode(int(columns.status[row])).text}")
        for row in np.flatnonzero(columns.status)
    }
    weights = item_counts(columns)
    tenants = [call.tenant for call in calls]
    received = np.bincount(columns.items.call, weights, len(calls)).astype(np.int64)
    return Batch(signal, tenants, columns, np.ones(len(weights), np.bool_), weights, received, refused)
