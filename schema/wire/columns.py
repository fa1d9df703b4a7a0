"""Tables of the scanner: columns by name over the kernel's rows, each made when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from schema.wire.gather import expand_headers, expand_slices, gather_slices
from schema.wire.program import AUX, END, PARENT, START, TAG, Column
from schema.wire.slices import Slices


@dataclass(frozen=True, slots=True)
class Buffer:
    """What the kernel filled: the scanned bytes, the bodies' bounds, and one flat array in two views."""

    data: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]
    ints: npt.NDArray[np.int32]
    longs: npt.NDArray[np.int64]


class Table:
    """One table: `len(table)` rows in the order of the wire.

    `table["name"]` is a column under the .proto's snake_case name: Slices for strings, bytes and sub-message
    bodies; else an ndarray of the .proto's own number type (enums int32, bool bool, double float64, kinds of a
    oneof uint8). Raises KeyError for a name that the signal does not have. A number that is absent is 0.
    """

    def __init__(self, buffer: Buffer, columns: dict[str, Column], at: int, words: int, rows: int) -> None:
        self._buffer = buffer
        self._columns = columns
        self._at = at
        self._words = words
        self._rows = rows
        self._made: dict[str | int, Any] = {}

    def __len__(self) -> int:
        return self._rows

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def parent(self) -> npt.NDArray[np.int32]:
        """int32[rows]: row in the parent's table (resources: the call); never decreases, but in attributes."""
        return self._header(PARENT)

    @property
    def aux(self) -> npt.NDArray[np.int32]:
        """int32[rows]: what the descriptor notes about the row: an attribute's Owner, a point's MetricData."""
        return self._header(AUX)

    @property
    def tag(self) -> npt.NDArray[np.int64]:
        """int64[rows]: where the field's tag begins; data[tag:end] is the whole field."""
        return self._place(TAG)

    @property
    def start(self) -> npt.NDArray[np.int64]:
        """int64[rows]: where the message's body begins."""
        return self._place(START)

    @property
    def end(self) -> npt.NDArray[np.int64]:
        """int64[rows]: where the message's body ends."""
        return self._place(END)

    @property
    def call(self) -> npt.NDArray[np.int32]:
        """int32[rows]: index of the request body that holds the row."""
        made: npt.NDArray[np.int32] | None = self._made.get("/call")
        if made is None:
            made = (np.searchsorted(self._buffer.bounds, self.tag, "right") - 1).astype(np.int32)
            self._made["/call"] = made
        return made

    @property
    def raw(self) -> tuple[npt.NDArray[np.int32], int, int]:
        """The rows for a kernel: int32[], where the first row begins in it, and from one row to the next."""
        return self._buffer.ints, 2 * self._at, 2 * self._words

    def place(self, name: str) -> int:
        """Where a column begins in a row of `raw`. Raises KeyError."""
        return self._columns[name].at

    @property
    def body(self) -> Slices:
        """Slices[rows]: the message's own bytes, data[start:end]."""
        return Slices(self._buffer.data, self.start, self.end - self.start)

    def __getitem__(self, name: str) -> Any:
        made = self._made.get(name)
        if made is None:
            made = self._make(self._columns[name])
            self._made[name] = made
        return made

    def slices(self, name: str) -> Slices:
        """The column, which must be one of byte ranges. Raises KeyError or TypeError."""
        column = self[name]
        if not isinstance(column, Slices):
            raise TypeError(f"column {name!r} holds numbers")
        return column

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """The column, which must be one of numbers. Raises KeyError or TypeError."""
        column = self[name]
        if isinstance(column, Slices):
            raise TypeError(f"column {name!r} holds byte ranges")
        return np.asarray(column)

    def of_rows(self, name: str, rows: npt.NDArray[np.int64]) -> Any:
        """The column of some rows, which must be there; costs nothing for the others. Raises KeyError."""
        column = self._columns[name]
        if column.dtype is None:
            off, length = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
            gather_slices(self._buffer.ints, 2 * self._at + column.at, 2 * self._words, rows, off, length)
            return Slices(self._buffer.data, off, length)
        if column.dtype.itemsize == 8:
            return self._long_column(column.at // 2)[rows].view(column.dtype)
        narrow = self._int_column(column.at)[rows]
        return narrow.view(column.dtype) if column.dtype.itemsize == 4 else narrow.astype(column.dtype)

    def _make(self, column: Column) -> Slices | npt.NDArray[Any]:
        if column.dtype is None:
            off = np.empty(self._rows, np.int64)
            length = np.empty(self._rows, np.int64)
            expand_slices(self._buffer.ints, 2 * self._at + column.at, 2 * self._words, off, length)
            return Slices(self._buffer.data, off, length)
        if column.dtype.itemsize == 8:
            return np.ascontiguousarray(self._long_column(column.at // 2)).view(column.dtype)
        narrow = np.ascontiguousarray(self._int_column(column.at))
        return narrow.view(column.dtype) if column.dtype.itemsize == 4 else narrow.astype(column.dtype)

    def _header(self, at: int) -> npt.NDArray[np.int32]:
        made: npt.NDArray[np.int32] | None = self._made.get(at)
        if made is None:
            made = np.ascontiguousarray(self._int_column(at))
            self._made[at] = made
        return made

    def _place(self, at: int) -> npt.NDArray[np.int64]:
        """Who asks for one place of a row asks for the others, too: one pass for all."""
        made: npt.NDArray[np.int64] | None = self._made.get(at)
        if made is None:
            parent = np.empty(self._rows, np.int32)
            tag, start, end = (np.empty(self._rows, np.int64) for _ in range(3))
            expand_headers(self._buffer.ints, 2 * self._at, 2 * self._words, parent, tag, start, end)
            self._made.update({PARENT: parent, TAG: tag, START: start, END: end})
            made = self._made[at]
        return made

    def _int_column(self, at: int) -> npt.NDArray[np.int32]:
        first = 2 * self._at + at
        return self._buffer.ints[first : first + 2 * self._words * self._rows : 2 * self._words][: self._rows]

    def _long_column(self, at: int) -> npt.NDArray[np.int64]:
        first = self._at + at
        return self._buffer.longs[first : first + self._words * self._rows : self._words][: self._rows]
