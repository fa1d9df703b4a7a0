"""Columns of the instrumentation scope, which spans and log records share."""

from __future__ import annotations

import pyarrow as pa

from processor.batch import Batch
from schema.arrays import I32
from schema.wire import Owner
from schema.wire.maps import to_map


def scope_columns(batch: Batch, scope: I32) -> dict[str, pa.Array]:
    """Name, version and attributes, for rows that lie in these scopes of the scan."""
    table, index = batch.scan.scopes, pa.array(scope)
    attributes, keys = to_map(batch.scan, Owner.SCOPE)
    return {
        "scope_name": table["scope.name"].to_arrow().dictionary_encode().take(index),
        "scope_version": table["scope.version"].to_arrow().dictionary_encode().take(index),
        "scope_attributes": attributes.take(index),
        "scope_attributes_json": keys.take(index),
    }
