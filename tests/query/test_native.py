"""ClickHouse's format Native: blocks that are whole, and what a server that broke off leaves."""

from __future__ import annotations

from io import BufferedReader, BytesIO

import numpy as np
import pytest

from query.native import BrokenBlock, blocks

TYPES = (np.uint64, np.float64)


def _block(first: list[int], second: list[float]) -> bytes:
    columns = ((b"a", b"UInt64", np.array(first, np.uint64)), (b"b", b"Float64", np.array(second)))
    texts = [bytes([len(name)]) + name + bytes([len(kind)]) + kind + values.tobytes() for name, kind, values in columns]
    rows = len(first)
    number = bytes([rows]) if rows < 128 else bytes([rows & 0x7F | 0x80, rows >> 7])
    return b"\x02" + number + b"".join(texts)


def _read(data: bytes) -> list[list[list[float]]]:
    return [[column.tolist() for column in block] for block in blocks(BufferedReader(BytesIO(data)), TYPES)]


def test_blocks_come_one_after_another_and_may_be_empty() -> None:
    many = list(range(300))
    data = _block([1, 2], [0.5, -1.0]) + _block([], []) + _block(many, [float(each) for each in many])
    assert _read(data) == [[[1, 2], [0.5, -1.0]], [[], []], [many, many]]
    assert _read(b"") == []


def test_what_is_cut_short_anywhere_is_no_answer() -> None:
    data = _block([1, 2], [0.5, -1.0])
    for end in range(1, len(data)):
        with pytest.raises(BrokenBlock):
            _read(data[:end])


def test_an_error_in_the_place_of_a_block_is_none() -> None:
    with pytest.raises(BrokenBlock):
        _read(_block([1], [1.0]) + b"\r\n__exception__\r\nCode: 241")
    with pytest.raises(BrokenBlock):
        _read(b"\xff\xff\xff\xff\xff\xff")
