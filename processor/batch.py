"""A window's records, scanned in one pass, with what their headers and the log say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from otelhouse.bus.contract import Record
from processor.memory import SPARE
from processor.window import Window
from schema.arrays import I32, I64, U8, U64
from schema.hash import xxh64_bytes
from schema.signal import Signal
from schema.wire import ErrorCode, Scan, join, scan

_NS_PER_MS = np.uint64(1_000_000)


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that yields no rows, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What rows are made of. A `call` of the scan is a record of the window.

    `tenants` are the distinct tenants; by call: `tenant` is the tenant's place among them, `tenant_hash` its hash,
    `retention_class` the class of its rows, `offset` the record's offset, `append_ns` its append time, `log_ms` log
    time at it. `brief`: whether the scan is.
    """

    window: Window
    scan: Scan
    tenants: list[str]
    tenant: I32
    tenant_hash: U64
    retention_class: U8
    offset: U64
    append_ns: U64
    log_ms: I64
    faults: list[Fault]
    brief: bool = False


def read(window: Window, keys: Sequence[str] | None = None) -> Batch:
    """Scan a window's records together; those that cannot be used are its faults, and only they.

    `keys`: see scan(); None: all.
    """
    entries = [entry for entry in window.entries if entry.framing is not None]
    usable = [(entry.record, entry.framing) for entry in entries if entry.framing is not None]
    faults = [Fault(entry.record, entry.fault) for entry in window.entries if entry.framing is None]
    data, bounds = join([record.value for record, _ in usable], SPARE)
    found = scan(Signal.of_topic(window.name.topic), data, bounds, SPARE, keys)
    for call in np.flatnonzero(found.status).tolist():
        faults.append(Fault(usable[call][0], ErrorCode(found.status[call]).text))
    places: dict[str, int] = {}
    tenant = [places.setdefault(framing.tenant, len(places)) for _, framing in usable]
    hashes = np.array([xxh64_bytes(name.encode()) for name in places], np.uint64)
    return Batch(
        window=window,
        scan=found,
        tenants=list(places),
        tenant=np.array(tenant, np.int32),
        tenant_hash=hashes[tenant] if tenant else hashes,
        retention_class=np.array([framing.retention_class for _, framing in usable], np.uint8),
        offset=np.array([record.offset for record, _ in usable], np.uint64),
        append_ns=np.array([record.append_ms for record, _ in usable], np.uint64) * _NS_PER_MS,
        log_ms=np.array([entry.log_ms for entry in entries], np.int64),
        faults=sorted(faults, key=lambda fault: fault.record.offset),
        brief=keys is not None,
    )
