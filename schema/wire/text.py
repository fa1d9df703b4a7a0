"""Attribute values and log bodies as text, the form in which they are stored, shown and compared.

| value          | text                                            | JSON |
|----------------|-------------------------------------------------|------|
| string         | itself                                          | no   |
| bool           | true, false                                     | yes  |
| int            | decimal                                         | yes  |
| double         | shortest that reads back the same: 1, 0.1, 1e+21 | yes  |
| NaN, infinity  | NaN, +Inf, -Inf (Prometheus' spelling)          | no   |
| bytes          | base64 (RFC 4648, padded)                       | no   |
| array, kvlist  | compact JSON; bytes, NaN and infinity in it as strings; keys as they come, even twice | yes |
| no value       | null                                            | yes  |
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schema.wire.columns import Table
from schema.wire.descriptors import ValueKind
from schema.wire.scan import Scan
from schema.wire.slices import Slices, arrow_bytes
from schema.wire.valuetext import collect_doubles, write_values

_NOTHING = np.empty(0, np.uint8)


def text_of_values(scan: Scan, rows: npt.NDArray[np.int64]) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """Text of attributes by row of `scan.attributes`, int64[n] -> (string array [n], bool[n]: the text is JSON).

    The array is `large_string` when the text passes 2 GiB.
    """
    return _text(scan, scan.attributes, "value", rows)


def text_of_bodies(scan: Scan, rows: npt.NDArray[np.int64] | None = None) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """The same of log records' bodies, by row of `scan.items`; None: all. A record without a body: empty, not JSON."""
    text, is_json = _text(scan, scan.items, "body", rows, empty=True)
    return text, is_json


def _text(
    scan: Scan, table: Table, column: str, rows: npt.NDArray[np.int64] | None, empty: bool = False
) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    names = (f"{column}.kind", column, f"{column}.number")
    kind, value, number = (table[name] if rows is None else table.of_rows(name, rows) for name in names)
    if empty:
        # A missing body is no value at all, where a missing attribute value is null.
        missing = (kind == ValueKind.NONE) | (kind == ValueKind.STRINDEX)
        kind = np.where(missing, ValueKind.STRING, kind).astype(np.uint8)
        value = Slices(value.data, value.off, np.where(missing, 0, value.len))
    texts_at, texts, odd = _doubles(scan.data, kind, value, number)
    offsets = np.empty(len(kind) + 1, np.int64)
    arguments = (scan.data, kind, value.off, value.len, number, texts_at, texts, odd, offsets)
    out = np.empty(write_values(*arguments, _NOTHING, False), np.uint8)
    write_values(*arguments, out, True)
    is_json = (kind != ValueKind.STRING) & (kind != ValueKind.BYTES)
    doubles = kind == ValueKind.DOUBLE
    if odd.any() and doubles.any():
        is_json[doubles] = np.isfinite(number[doubles].view(np.float64))
    return arrow_bytes(offsets, out), is_json


def _doubles(
    data: npt.NDArray[np.uint8], kind: npt.NDArray[np.uint8], value: Slices, number: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """JSON text of all doubles -> (offsets int64[n + 1], bytes, bool[n]: a string such as "NaN")."""
    nested = (kind == ValueKind.ARRAY) | (kind == ValueKind.KVLIST)
    # A nested double takes nine bytes at least.
    room = int((kind == ValueKind.DOUBLE).sum()) + int(value.len[nested].sum()) // 9
    bits = np.empty(room, np.int64)
    doubles = bits[: collect_doubles(data, kind, value.off, value.len, number, bits)].view(np.float64)
    odd = ~np.isfinite(doubles)
    text = pc.cast(pa.array(doubles), pa.large_string())
    if odd.any():
        names = np.where(np.isnan(doubles[odd]), '"NaN"', np.where(doubles[odd] > 0, '"+Inf"', '"-Inf"'))
        text = pc.replace_with_mask(text, pa.array(odd), pa.array(names, pa.large_string()))
    _, offsets, values = text.buffers()
    if len(text) == 0 or values is None:
        return np.zeros(1, np.int64), _NOTHING, odd
    return np.frombuffer(offsets, np.int64)[: len(text) + 1].copy(), np.frombuffer(values, np.uint8).copy(), odd
