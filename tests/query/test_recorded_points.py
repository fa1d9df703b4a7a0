"""Parts of points, one row a partition, become points: the newest row of each counts, and only what is final."""

from __future__ import annotations

import numpy as np
import pytest

from otelhouse.recording.rule import Merge
from query.promql.recorded import COLUMNS, TYPES, Final, Finals, merged
from schema.record import block_number

RULE = 7


def points(*rows: tuple[int, int, int, float, int], merge: Merge = Merge.SUM, until: int = 100) -> dict[int, float]:
    """Values by time, of rows (time, partition, offset, value, count) of a series."""
    columns = {name: np.zeros(len(rows), kind) for name, kind in zip(COLUMNS, TYPES, strict=True)}
    columns["series"][:], columns["rule"][:], columns["merge"][:] = 3, RULE, merge
    columns["scale"][:], columns["shift"][:] = 2.0, 1.0
    for at, (time, partition, offset, value, count) in enumerate(rows):
        columns["time"][at], columns["value"][at], columns["count"][at] = time, value, count
        columns["block"][at] = block_number(partition, offset)
    found = merged([columns[name] for name in COLUMNS], Finals({RULE: Final(0, until)}, frozenset()))
    return dict(zip(found.times.tolist(), found.scaled.tolist(), strict=True))


def test_what_a_partition_has_not_said_its_part_of_is_not_there() -> None:
    rows = ((60, 0, 5, 1.0, 1), (60, 1, 9, 2.0, 1), (90, 0, 6, 4.0, 1))
    assert points(*rows, until=60) == {60: 7.0}
    assert points(*rows, until=90) == {60: 7.0, 90: 9.0}
    assert points(*rows, until=59) == {}


def test_the_newest_row_of_each_partition_counts_whatever_others_have_said() -> None:
    assert points((60, 0, 900, 1.0, 1), (60, 1, 9, 2.0, 1), (60, 1, 10, 5.0, 1)) == {60: 13.0}
    assert points((60, 1, 10, 5.0, 1), (60, 1, 9, 2.0, 1), (60, 0, 1, 1.0, 1)) == {60: 13.0}


def test_a_count_of_nothing_takes_back_what_was_said() -> None:
    assert points((60, 0, 5, 1.0, 1), (60, 0, 6, 0.0, 0), (60, 1, 5, 2.0, 1)) == {60: 5.0}
    assert points((60, 0, 5, 1.0, 1), (60, 0, 6, 0.0, 0)) == {}


@pytest.mark.parametrize(
    ("merge", "value"),
    [(Merge.SUM, 9.0), (Merge.MIN, 1.0), (Merge.MAX, 8.0), (Merge.MEAN, 9.0 / 4), (Merge.GROUP, 1.0)],
)
def test_parts_are_merged_as_the_rule_aggregates(merge: Merge, value: float) -> None:
    assert points((60, 0, 5, 1.0, 3), (60, 1, 5, 8.0, 1), merge=merge) == {60: 2 * value + 1}


@pytest.mark.parametrize("merge", [Merge.MIN, Merge.MAX])
def test_an_extreme_is_no_number_only_where_nothing_is(merge: Merge) -> None:
    assert points((60, 0, 5, float("nan"), 1), (60, 1, 5, 8.0, 1), merge=merge) == {60: 17.0}
    assert np.isnan(points((60, 0, 5, float("nan"), 1), merge=merge)[60])


def test_no_rows_are_no_points() -> None:
    assert points() == {}
