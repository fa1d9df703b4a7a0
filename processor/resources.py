"""Resources: an id for each, its service, and the rows of those not written yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processor.batch import Batch
from processor.columns import place, rows_of
from processor.ids import mixed
from schema.arrays import I64, U64
from schema.arrow import RESOURCES
from schema.wire import Owner, ValueKind
from schema.wire.maps import to_map
from schema.wire.text import text_of_values

UNKNOWN_SERVICE = "unknown_service"
"""Service of a resource that does not name one (OpenTelemetry semantic conventions, "Service")."""

_MOST_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Resources:
    """By resource row of the scan: its id, and its service as a dictionary column."""

    ids: U64
    services: pa.Array


def identify(batch: Batch) -> Resources:
    """Ids are xxh64 of the Resource's bytes, mixed with its schema URL and tenant."""
    table = batch.scan.resources
    ids = mixed(table["resource"].hash(), table["schema_url"].hash(), batch.tenant_hash[table.call])
    return Resources(ids, _services(batch))


def attribute_texts(batch: Batch, owner: Owner, key: bytes, rows: I64 | None = None) -> pa.Array:
    """Text of the attribute `key` of each row of an owner's table, or of these; null where it has none, or no value."""
    found = batch.scan.find(owner, key)
    if rows is not None:
        found = found[rows]
    present = found >= 0
    present[present] = batch.scan.attributes.of_rows("value.kind", found[present]) != ValueKind.NONE
    texts, _ = text_of_values(batch.scan, found[present])
    return texts.take(pa.array(np.cumsum(present) - 1, mask=~present))


def _services(batch: Batch) -> pa.Array:
    names = attribute_texts(batch, Owner.RESOURCE, b"service.name")
    named = pc.if_else(pc.greater(pc.binary_length(names), 0), names, None)
    return pc.fill_null(named, UNKNOWN_SERVICE).dictionary_encode()


class NewResources:
    """Finds resources whose row this process has not handed out yet, for their class and day. Bounded."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def rows(self, batch: Batch, resources: Resources) -> pa.RecordBatch:
        """Rows of `resources` that are new to this process."""
        calls = batch.scan.resources.call
        keys = mixed(resources.ids, batch.retention_class[calls].astype(np.uint64) + np.uint64(batch.window.day << 8))
        distinct, first = np.unique(keys, return_index=True)
        new = [row for key, row in zip(distinct.tolist(), first.tolist(), strict=True) if key not in self._known]
        if len(self._known) + len(new) > _MOST_REMEMBERED:
            self._known.clear()
        self._known.update(keys[new].tolist())
        return self._described(batch, resources, np.sort(np.array(new, np.int64)))

    def _described(self, batch: Batch, resources: Resources, rows: I64) -> pa.RecordBatch:
        table = batch.scan.resources
        attributes, keys = to_map(batch.scan, Owner.RESOURCE, rows)
        columns = place(batch, table.call[rows]) | {
            "resource": pa.array(resources.ids[rows]),
            "service": resources.services.take(pa.array(rows)).cast(pa.string()),
            "schema_url": table["schema_url"].take(rows).to_arrow(),
            "attributes": attributes,
            "attributes_json": keys,
        }
        return rows_of(RESOURCES, columns)
