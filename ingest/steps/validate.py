"""Step 3: spans without a usable identity are rejected, one by one."""

from __future__ import annotations

import numpy as np

from ingest.batch import Batch, Reason
from ingest.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, is_id
from schema.signal import Signal


def validate(batch: Batch) -> None:
    """Reject spans whose trace id or span id is missing, zero or of a wrong length."""
    if batch.signal is not Signal.TRACES:
        return
    items = batch.scan.items
    valid = is_id(items["trace_id"], TRACE_ID_BYTES) & is_id(items["span_id"], SPAN_ID_BYTES)
    batch.reject(np.flatnonzero(~valid), Reason.INVALID_ID)
