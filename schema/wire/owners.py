"""Which attributes belong to which row: index arrays over the attribute table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from schema.wire.descriptors import OWNER_TABLE, Owner, ValueKind
from schema.wire.gather import count_children, find_key

if TYPE_CHECKING:
    from schema.wire.scan import Scan

_INT = int(ValueKind.INT)
_DOUBLE = int(ValueKind.DOUBLE)


def offsets_of(parent: npt.NDArray[np.int32], rows: int) -> npt.NDArray[np.int64]:
    """Offsets int64[rows + 1] of the children of each parent row; `parent` does not decrease."""
    offsets = np.zeros(rows + 1, np.int64)
    count_children(parent, offsets)
    return offsets


def attributes_of(scan: Scan, owner: Owner) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """See Scan.attributes_of."""
    table = scan.attributes
    order = np.flatnonzero(table.aux == owner)
    return order, offsets_of(table.parent[order], len(scan.table(OWNER_TABLE[owner])))


def find(scan: Scan, owner: Owner, key: bytes) -> npt.NDArray[np.int64]:
    """See Scan.find."""
    table = scan.attributes
    out = np.full(len(scan.table(OWNER_TABLE[owner])), -1, np.int64)
    find_key(scan.data, *table.raw, len(table), table.place("key"), int(owner), np.frombuffer(key, np.uint8), out)
    return out


def as_float(kind: npt.NDArray[np.uint8], number: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[rows] from the raw 64 bits of doubles and integers; 0 for any other kind."""
    out = np.zeros(len(kind), np.float64)
    np.copyto(out, number, where=kind == _INT, casting="unsafe")
    np.copyto(out, number.view(np.float64), where=kind == _DOUBLE)
    return out
