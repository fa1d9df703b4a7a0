"""Partition keys of all items of a scan at once; `schema/partition_key.py` says what each key is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ingest.ids import TRACE_ID_BYTES, is_id
from ingest.series_keys import Texts, series_keys
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
    families, family_of_row = _families(scan, rows)
    data, targets = _targets(scan)
    return series_keys(data, targets, scan.resource_of_items[rows], families, family_of_row, seed)


def _targets(scan: Scan) -> tuple[npt.NDArray[np.uint8], list[Texts]]:
    """(bytes, where in them each resource's service.namespace, service.name and service.instance.id stand)."""
    data, made, others, end = scan.data, [], [], len(scan.data)
    for key in (b"service.namespace", b"service.name", b"service.instance.id"):
        found = scan.find(Owner.RESOURCE, key)
        texts = scan.attributes["value"].take(found)
        off, length = texts.off.copy(), texts.len.copy()
        for row, text in _no_strings(scan, found):
            off[row], length[row] = end, len(text)
            others.append(text)
            end += len(text)
        made.append((off, length))
    return np.concatenate([data, np.frombuffer(b"".join(others), np.uint8)]) if others else data, made


def _no_strings(scan: Scan, found: Rows) -> Iterator[tuple[int, bytes]]:
    """(row, text) of those of the attributes `found`, by row and -1 for none, that are no strings."""
    there = np.flatnonzero(found >= 0)
    rows = there[scan.attributes["value.kind"][found[there]] != ValueKind.STRING]
    if len(rows):
        from schema.wire.text import text_of_values  # brings Arrow, which ingest hardly ever needs

        for row, text in zip(rows.tolist(), text_of_values(scan, found[rows])[0].to_pylist(), strict=True):
            yield row, text.encode()


def _families(scan: Scan, rows: Rows) -> tuple[list[bytes], npt.NDArray[np.int64]]:
    """Metric families, and int64[rows] of which one each row is; translated once for each distinct metric."""
    items = scan.items
    names, units = items["name"].take(rows), items["unit"].take(rows)
    exact = scan.scopes.slices("scope.name").equals(EXACT_SCOPE.encode())[items.parent[rows]]
    traits = items["data"][rows].astype(np.uint64) | items["is_monotonic"][rows].astype(np.uint64) << np.uint64(8)
    traits |= exact.astype(np.uint64) << np.uint64(9)
    hashes = names.hash() ^ units.hash(1) ^ traits << np.uint64(32)
    _, first, of_row = np.unique(hashes, return_index=True, return_inverse=True)
    alike = first[of_row]
    if not (names.same_as(alike) & units.same_as(alike) & (traits == traits[alike])).all():
        first = of_row = np.arange(len(rows))  # two metrics with one hash: each row by itself
    families = [
        partition_family(names[row], units[row], MetricKind(int(items["data"][rows[row]])), bool(monotonic), bool(own))
        for row, monotonic, own in zip(first.tolist(), items["is_monotonic"][rows[first]], exact[first], strict=True)
    ]
    return [family.encode() for family in families], of_row


_BY_SIGNAL: dict[Signal, Callable[[Scan, Rows, int], Keys]] = {
    Signal.TRACES: _span_keys,
    Signal.METRICS: _metric_keys,
    Signal.LOGS: _log_keys,
}
