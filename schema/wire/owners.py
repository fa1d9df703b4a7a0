"""Which attributes belong to which row: index arrays over the attribute table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.wire.descriptors import OWNER_TABLE, Owner, ValueKind
from schema.wire.gather import equal_range

if TYPE_CHECKING:
    from schema.wire.scan import Scan

_I32 = types.Array(types.int32, 1, "C")
_I64 = types.Array(types.int64, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")
_READONLY = types.Array(types.uint8, 1, "C", readonly=True)
_INT = int(ValueKind.INT)
_DOUBLE = int(ValueKind.DOUBLE)


@njit(types.void(_I32, _I64), nogil=True, cache=True)
def _count(parent, offsets):  # type: ignore[no-untyped-def]
    for row in parent:
        offsets[row + 1] += 1
    for row in range(1, len(offsets)):
        offsets[row] += offsets[row - 1]


def offsets_of(parent: npt.NDArray[np.int32], rows: int) -> npt.NDArray[np.int64]:
    """Offsets int64[rows + 1] of the children of each parent row; `parent` does not decrease."""
    offsets = np.zeros(rows + 1, np.int64)
    _count(parent, offsets)
    return offsets


def attributes_of(scan: Scan, owner: Owner) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """See Scan.attributes_of."""
    table = scan.attributes
    order = np.flatnonzero(table.aux == owner)
    return order, offsets_of(table.parent[order], len(scan.table(OWNER_TABLE[owner])))


@njit(types.void(_U8, _I64, _I64, _I64, _I64, _READONLY, _I64), nogil=True, cache=True)
def _find(data, off, length, order, offsets, key, out):  # type: ignore[no-untyped-def]
    for row in range(len(out)):
        for i in range(offsets[row], offsets[row + 1]):
            if equal_range(data, off[order[i]], length[order[i]], key):
                out[row] = order[i]
                break


def find(scan: Scan, owner: Owner, key: bytes) -> npt.NDArray[np.int64]:
    """See Scan.find."""
    order, offsets = scan.attributes_of(owner)
    keys = scan.attributes.slices("key")
    out = np.full(len(offsets) - 1, -1, np.int64)
    _find(scan.data, keys.off, keys.len, order, offsets, np.frombuffer(key, np.uint8), out)
    return out


def as_float(kind: npt.NDArray[np.uint8], number: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[rows] from the raw 64 bits of doubles and integers; 0 for any other kind."""
    out = np.zeros(len(kind), np.float64)
    np.copyto(out, number, where=kind == _INT, casting="unsafe")
    np.copyto(out, number.view(np.float64), where=kind == _DOUBLE)
    return out
