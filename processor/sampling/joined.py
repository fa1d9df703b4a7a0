"""Spans of several origins as one batch: those that do not wait, and those of traces that were just decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from processor.batch import Batch
from processor.memory import SPARE
from schema.arrays import F64, I32, I64, U8
from schema.hash import xxh64_bytes
from schema.wire import scan


@dataclass(frozen=True, slots=True)
class Part:
    """Requests: piece i is data[bounds[i]:bounds[i + 1]], of the tenant tenants[tenant[i]]. `weight` float64[spans]."""

    data: U8
    bounds: I64
    tenants: Sequence[str]
    tenant: I32
    retention_class: U8
    weight: F64


def joined(batch: Batch, parts: Sequence[Part]) -> tuple[Batch, F64]:
    """(a batch in the window of `batch` that holds the parts in turn, weights of its spans)."""
    places: dict[str, int] = {}
    tenant = [
        np.array([places.setdefault(name, len(places)) for name in part.tenants], np.int32)[part.tenant]
        for part in parts
    ]
    sizes = [np.diff(part.bounds) for part in parts]
    bounds = np.zeros(sum(map(len, sizes)) + 1, np.int64)
    np.cumsum(_all(sizes, np.int64), out=bounds[1:])
    data = _all([part.data for part in parts], np.uint8)
    owner = _all(tenant, np.int32)
    calls = len(owner)
    made = replace(
        batch,
        scan=scan(batch.scan.signal, data, bounds, SPARE),
        tenants=list(places),
        tenant=owner,
        tenant_hash=np.array([xxh64_bytes(name.encode()) for name in places], np.uint64)[owner],
        retention_class=_all([part.retention_class for part in parts], np.uint8),
        # Pieces of several records: their own places say nothing of the whole.
        offset=np.full(calls, batch.window.start, np.uint64),
        append_ns=np.full(calls, batch.window.end_log_ms, np.uint64) * np.uint64(1_000_000),
        log_ms=np.full(calls, batch.window.end_log_ms, np.int64),
        brief=False,
    )
    return made, _all([part.weight for part in parts], np.float64)


def _all(arrays: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *arrays]).astype(dtype, copy=False)
