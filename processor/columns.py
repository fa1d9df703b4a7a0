"""Arrow columns from integer columns and slices: no loop over rows anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from processor.batch import Batch
from schema.arrays import I32, I64, U8, U64

# DateTime64(9) ends in 2262, with the signed 64-bit count of nanoseconds.
_LAST_NS = np.uint64(2**63 - 1)
_NS_PER_MS = np.uint64(1_000_000)


def words(place: I32 | I64, values: Sequence[str]) -> pa.DictionaryArray:
    """Text that repeats: row i holds values[place[i]]."""
    return pa.DictionaryArray.from_arrays(pa.array(place.astype(np.int32, copy=False)), pa.array(values, pa.string()))


def nanoseconds(times: U64) -> pa.Array:
    """OTLP times as timestamps; what lies beyond DateTime64's range is its last instant."""
    return pa.array(np.minimum(times, _LAST_NS).view(np.int64)).cast(pa.timestamp("ns", "UTC"))


def milliseconds(times: U64) -> pa.Array:
    """OTLP times as Prometheus' timestamps, cut to the millisecond."""
    return pa.array((np.minimum(times, _LAST_NS) // _NS_PER_MS).view(np.int64)).cast(pa.timestamp("ms", "UTC"))


def fixed(rows: U8) -> pa.Array:
    """Ids: uint8[n, width] as n values of `width` bytes."""
    count, width = rows.shape
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), count, [None, pa.py_buffer(np.ascontiguousarray(rows))]
    )


def within(values: I32, last: int) -> pa.Array:
    """A proto enum as UInt8; numbers outside 0..last, which this release has no name for, read as 0."""
    return pa.array(np.where((values >= 0) & (values <= last), values, 0).astype(np.uint8))


def offsets_of(parent: I32, rows: int) -> pa.Array:
    """Offsets of the children of each of `rows` parents; `parent` ascends."""
    return pa.array(np.searchsorted(parent, np.arange(rows + 1)).astype(np.int32))


def place(batch: Batch, calls: I32) -> dict[str, pa.Array]:
    """Columns that say where rows belong, from the calls that they came in."""
    return {
        "tenant": words(batch.tenant[calls], batch.tenants),
        "class": pa.array(batch.retention_class[calls]),
        "day": pa.array(np.full(len(calls), batch.window.day, np.int32)).cast(pa.date32()),
    }


def window_time(batch: Batch, rows: int) -> pa.Array:
    """Log time as the window began, in each row."""
    return pa.array(np.full(rows, batch.window.log_ms)).cast(pa.timestamp("ms", "UTC"))


def block(batch: Batch, rows: int) -> dict[str, pa.Array]:
    """The column of the block's number."""
    return {"block": pa.array(np.full(rows, batch.window.number, np.uint64))}


def rows_of(schema: pa.Schema, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """A record batch in the schema's order. A column that is missing, or too many, is a ValueError."""
    if columns.keys() != set(schema.names):
        raise ValueError(f"columns do not fit the schema: {sorted(columns.keys() ^ set(schema.names))}")
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def by_class(rows: pa.RecordBatch) -> list[tuple[int, pa.RecordBatch]]:
    """The rows of each retention class, in order: what one block may hold."""
    if rows.num_rows == 0:
        return []
    held = rows.column("class")
    classes = sorted(pc.unique(held).to_pylist())
    return [(each, rows if len(classes) == 1 else rows.filter(pc.equal(held, each))) for each in classes]
