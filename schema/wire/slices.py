"""Byte ranges of the scanned data as a column: nothing is copied until it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from schema.hash import xxh64_slices
from schema.wire.gather import copy_fixed, copy_slices, equal_rows, equal_slices, mark_ids

if TYPE_CHECKING:
    import pyarrow as pa

_INT32_MAX = (1 << 31) - 1


class Slices:
    """A column of byte ranges data[off:off+len].

    `off`, `len`: int64[rows]; where the field is absent off is -1 and len 0 (a field that is present and empty has
    an offset). Immutable; the arrays belong to it.
    """

    __slots__ = ("_fixed", "data", "len", "off")

    def __init__(self, data: npt.NDArray[np.uint8], off: npt.NDArray[np.int64], length: npt.NDArray[np.int64]) -> None:
        self.data = data
        self.off = off
        self.len = length
        self._fixed: dict[int, npt.NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.off)

    def __getitem__(self, row: int) -> bytes:
        """The bytes of one row; empty where absent."""
        off = int(self.off[row])
        return b"" if off < 0 else self.data[off : off + int(self.len[row])].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return (self[row] for row in range(len(self)))

    def tolist(self) -> list[bytes]:
        """All rows as bytes; for few rows and tests."""
        return list(self)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """bool[rows]: whether the field occurs."""
        return self.off >= 0

    def take(self, index: npt.NDArray[Any]) -> Slices:
        """Rows by index (int[n]); an index of -1 gives an absent row. Raises IndexError beyond the rows."""
        if len(index) and (int(index.max()) >= len(self) or int(index.min()) < -1):
            raise IndexError(f"index out of {len(self)} rows")
        if len(self) == 0:
            return Slices(self.data, np.full(len(index), -1, np.int64), np.zeros(len(index), np.int64))
        absent = index < 0
        return Slices(self.data, np.where(absent, -1, self.off[index]), np.where(absent, 0, self.len[index]))

    def to_arrow(self, binary: bool = False) -> pa.Array:
        """Copied into an Arrow array of strings, or of bytes if `binary`; absent rows are empty.

        Type `string`/`binary`, or `large_string`/`large_binary` when the bytes pass 2 GiB. The caller knows that
        a column of type bytes need not be UTF-8.
        """
        offsets = np.zeros(len(self) + 1, np.int64)
        np.cumsum(self.len, out=offsets[1:])
        out = np.empty(int(offsets[-1]), np.uint8)
        copy_slices(self.data, self.off, self.len, offsets, out)
        return arrow_bytes(offsets, out, binary)

    def hash(self, seed: int = 0) -> npt.NDArray[np.uint64]:
        """xxh64 of each row's bytes, uint64[rows]; an absent row hashes as empty."""
        return xxh64_slices(self.data, self.off, self.len, seed)

    def fixed(self, width: int) -> npt.NDArray[np.uint8]:
        """uint8[rows, width], for ids: zeros where the row is absent or of another length. Made once."""
        made = self._fixed.get(width)
        if made is None:
            made = self._fixed[width] = np.zeros((len(self), width), np.uint8)
            copy_fixed(self.data, self.off, self.len, made)
        return made

    def are_ids(self, width: int) -> npt.NDArray[np.bool_]:
        """bool[rows]: whether the row has this many bytes (a multiple of eight), not all zero."""
        out = np.empty(len(self), np.bool_)
        mark_ids(self.data, self.off, self.len, width, out)
        return out

    def equals(self, value: bytes) -> npt.NDArray[np.bool_]:
        """bool[rows]: whether the row is present and its bytes are `value`."""
        out = np.zeros(len(self), np.bool_)
        equal_slices(self.data, self.off, self.len, np.frombuffer(value, np.uint8), out)
        return out

    def same_as(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """bool[rows]: whether each row has the bytes of the row that `rows` (int64[rows], in range) names for it."""
        out = np.zeros(len(self), np.bool_)
        equal_rows(self.data, self.off, self.len, rows, out)
        return out


def arrow_bytes(offsets: npt.NDArray[np.int64], values: npt.NDArray[np.uint8], binary: bool = False) -> pa.Array:
    """An Arrow string or binary array over int64[n+1] offsets into uint8[] values, without copying the values."""
    # Imported here because ingest, which needs no Arrow, would hold its 38 MB.
    import pyarrow as pa

    if int(offsets[-1]) > _INT32_MAX:
        kind = pa.large_binary() if binary else pa.large_string()
        place = pa.py_buffer(offsets)
    else:
        kind = pa.binary() if binary else pa.string()
        place = pa.py_buffer(offsets.astype(np.int32))
    return pa.Array.from_buffers(kind, len(offsets) - 1, [None, place, pa.py_buffer(values)])
