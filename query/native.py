"""ClickHouse's format Native, for columns of fixed width: blocks of columns as they lie in memory, read without a copy.

A block: number of columns and of rows, then name, type and values of each column (docs: "Native" among the formats).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedReader
from typing import Any

import numpy as np
import numpy.typing as npt

Block = list[npt.NDArray[Any]]


class BrokenBlock(Exception):
    """What came is no block of these columns: the server broke off."""


def blocks(stream: BufferedReader, types: Sequence[npt.DTypeLike]) -> Iterator[Block]:
    """Columns of each block, of these types in this order. Raises BrokenBlock."""
    while (columns := _number(stream, at_end=0)) != 0:
        rows = _number(stream)
        if columns != len(types):
            raise BrokenBlock(f"{columns} columns instead of {len(types)}")
        yield [_column(stream, rows, np.dtype(each)) for each in types]


def _column(stream: BufferedReader, rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    for _ in ("name", "type"):
        _exactly(stream, memoryview(bytearray(_number(stream))))
    values = np.empty(rows, dtype)
    if rows:
        _exactly(stream, values.view(np.uint8).data)
    return values


def _exactly(stream: BufferedReader, into: memoryview) -> None:
    got = 0
    while got < len(into):
        read = stream.readinto(into[got:])
        if not read:
            raise BrokenBlock("cut short")
        got += read


def _number(stream: BufferedReader, at_end: int | None = None) -> int:
    """An unsigned LEB128 of at most 32 bits; `at_end` where the stream has ended."""
    value = 0
    for shift in range(0, 35, 7):
        byte = stream.read(1)
        if not byte:
            if at_end is not None and not shift:
                return at_end
            raise BrokenBlock("cut short")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise BrokenBlock("not a number")
