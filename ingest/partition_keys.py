"""Partition keys of all items of a scan at once; `schema/partition_key.py` says what each key is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ingest.ids import TRACE_ID_BYTES, is_id
from schema.hash import xxh64_slices
from schema.partition_key import series_key_bytes
from schema.prometheus_name import EXACT_SCOPE, MetricKind, partition_family
from schema.signal import Signal
from schema.wire import Owner, Scan, Slices, ValueKind

Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


def partition_keys(scan: Scan, rows: Rows, seed: int) -> Keys:
    """uint64[rows]: keys of these rows of `scan.items`, all of the tenant with this seed."""
    return _BY_SIGNAL[scan.signal](scan, rows, seed)


def _span_keys(scan: Scan, rows: Rows, seed: int) -> Keys:
    traces: Slices = scan.items["trace_id"]
    return (traces if len(rows) == len(traces) else traces.take(rows)).hash(seed)


def _log_keys(scan: Scan, rows: Rows, seed: int) -> Keys:
    traces: Slices = scan.items["trace_id"].take(rows)
    resources: Keys = scan.resources["resource"].hash(seed)[scan.resource_of_items[rows]]
    return np.where(is_id(traces, TRACE_ID_BYTES), traces.hash(seed), resources)


def _metric_keys(scan: Scan, rows: Rows, seed: int) -> Keys:
    targets, target_of_resource = np.unique(_targets(scan), return_inverse=True)
    families, family_of_row = _families(scan, rows)
    pairs, pair_of_row = np.unique(
        target_of_resource[scan.resource_of_items[rows]] * len(families) + family_of_row, return_inverse=True
    )
    texts = [targets[pair // len(families)] + families[pair % len(families)] for pair in pairs.tolist()]
    return _hash_each(texts, seed)[pair_of_row]


def _hash_each(texts: list[bytes], seed: int) -> Keys:
    data = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
    length = np.array([len(text) for text in texts], np.int64)
    return xxh64_slices(data, np.cumsum(length) - length, length, seed)


def _targets(scan: Scan) -> npt.NDArray[np.object_]:
    """object[resources]: the beginning of a series key, bytes (job, instance and both separators)."""
    namespace, name, instance = (
        _texts(scan, key) for key in (b"service.namespace", b"service.name", b"service.instance.id")
    )
    made = np.empty(len(scan.resources), object)
    for row in range(len(made)):
        job = f"{namespace[row]}/{name[row]}" if namespace[row] else name[row]
        made[row] = series_key_bytes(job, instance[row], "")
    return made


def _texts(scan: Scan, key: bytes) -> list[str]:
    """Text of a resource attribute by resource, "" where it is absent."""
    found = scan.find(Owner.RESOURCE, key)
    texts = [""] * len(found)
    there = np.flatnonzero(found >= 0)
    is_text = scan.attributes["value.kind"][found[there]] == ValueKind.STRING
    plain, other = there[is_text], there[~is_text]
    for row, value in zip(plain.tolist(), scan.attributes["value"].take(found[plain]), strict=True):
        texts[row] = value.decode()
    if len(other):
        from schema.wire.text import text_of_values  # brings Arrow, which ingest hardly ever needs

        for row, text in zip(other.tolist(), text_of_values(scan, found[other])[0].to_pylist(), strict=True):
            texts[row] = text
    return texts


def _families(scan: Scan, rows: Rows) -> tuple[list[bytes], npt.NDArray[np.int64]]:
    """Distinct metric families, and int64[rows] of which one each row is; translated once for each distinct metric."""
    items = scan.items
    names, units = items["name"].take(rows), items["unit"].take(rows)
    kinds, monotonic = items["data"][rows], items["is_monotonic"][rows]
    exact = scan.scopes.slices("scope.name").equals(EXACT_SCOPE.encode())[items.parent[rows]]
    codes: dict[tuple[bytes, bytes, int, bool, bool], int] = {}
    # A row costs one look-up; hashing the columns to find equal rows would let a collision mix two families.
    of_row = [
        codes.setdefault(metric, len(codes))
        for metric in zip(names, units, kinds.tolist(), monotonic.tolist(), exact.tolist(), strict=True)
    ]
    families = [
        partition_family(name, unit, MetricKind(kind), flag, own).encode() for name, unit, kind, flag, own in codes
    ]
    return families, np.array(of_row, np.int64)


_BY_SIGNAL: dict[Signal, Callable[[Scan, Rows, int], Keys]] = {
    Signal.TRACES: _span_keys,
    Signal.METRICS: _metric_keys,
    Signal.LOGS: _log_keys,
}
