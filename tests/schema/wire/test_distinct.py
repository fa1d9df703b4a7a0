"""distinct(): which rows of a column have the same value."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schema.wire.distinct import distinct
from schema.wire.slices import Slices


def _column(values: list[bytes | None]) -> Slices:
    data = np.frombuffer(bytearray(b"".join(value or b"" for value in values) or b"\0"), np.uint8)
    length = np.array([len(value or b"") for value in values], np.int64)
    off = np.cumsum(length) - length
    return Slices(data, np.where([value is None for value in values], -1, off), length)


@given(st.lists(st.one_of(st.none(), st.binary(max_size=20), st.sampled_from([b"", b"a", b"GET /"]))))
def test_rows_get_the_number_of_their_value_in_the_order_of_first_sight(values: list[bytes | None]) -> None:
    codes, first = distinct(_column(values))
    seen: list[bytes] = []
    for value in values:
        if value is not None and value not in seen:
            seen.append(value)
    assert codes.tolist() == [-1 if value is None else seen.index(value) for value in values]
    assert [values[row] for row in first.tolist()] == seen
