"""Attributes as Arrow maps, the form of the tables' `attributes` and `attributes_json` columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schema.wire.descriptors import Owner
from schema.wire.scan import Scan
from schema.wire.text import text_of_values


def to_map(scan: Scan, owner: Owner, rows: npt.NDArray[np.int64] | None = None) -> tuple[pa.MapArray, pa.ListArray]:
    """Attributes of rows -> (map<string, string> [n], list<string> [n]: the keys whose text is JSON).

    `owner` says of which table `rows` are: int64[n], any order, repeated or not; None: all. Keys stand in the order
    of the wire, even twice. For the text of a value see `schema/wire/text.py`. Raises OverflowError when keys or
    texts pass 2 GiB.
    """
    order, offsets = scan.attributes_of(owner)
    if rows is not None:
        order, offsets = _select(order, offsets, rows)
    keys = scan.attributes.of_rows("key", order)
    text, is_json = text_of_values(scan, order)
    json_offsets = np.concatenate(([0], np.cumsum(is_json)))[offsets]
    key_text = keys.to_arrow()
    if pa.types.is_large_string(key_text.type) or pa.types.is_large_string(text.type):
        raise OverflowError("the attributes pass 2 GiB; ask for fewer rows")
    json_keys = keys.take(np.flatnonzero(is_json)).to_arrow()
    return (
        pa.MapArray.from_arrays(_arrow_offsets(offsets), key_text, text),
        pa.ListArray.from_arrays(_arrow_offsets(json_offsets), json_keys),
    )


def _select(
    order: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The same two arrays for chosen rows."""
    size = offsets[rows + 1] - offsets[rows]
    chosen = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(size, out=chosen[1:])
    place = np.arange(chosen[-1]) + np.repeat(offsets[rows] - chosen[:-1], size)
    return order[place], chosen


def _arrow_offsets(offsets: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(offsets.astype(np.int32))
