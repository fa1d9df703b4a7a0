"""Which items a rule matches: each test runs over a column, on distinct values where it costs more than a compare."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.control.columns import Chosen, Column, Rows, column_of
from otelhouse.rules.documents.control_match import All, Condition, Match, Not, Operator
from schema.wire import Scan, Slices
from schema.wire.distinct import distinct

Flags = npt.NDArray[np.bool_]

_FEW = 8
"""So many values are compared one by one; more are looked up."""


def matched(scan: Scan, match: Match, items: Rows) -> Rows:
    """Those of the items that match; the match tests no data points."""
    return items[_holds(scan, match, Chosen(items))]


def matched_points(scan: Scan, match: Match, items: Rows) -> tuple[Rows, Rows]:
    """(All data points of these metrics, those of them that match): rows of `points`."""
    wanted = np.zeros(len(scan.items), np.bool_)
    wanted[items] = True
    parents = scan.points.parent.astype(np.int64)
    points = np.flatnonzero(wanted[parents])
    return points, points[_holds(scan, match, Chosen(parents[points], points))]


def _holds(scan: Scan, match: Match, chosen: Chosen) -> Flags:
    if isinstance(match, Condition):
        return _tested(match, column_of(scan, match.field, chosen))
    if isinstance(match, Not):
        return ~_holds(scan, match.part, chosen)
    every = isinstance(match, All)
    holds = np.full(len(chosen.items), every)
    for part in match.parts:
        # Only rows whose answer is still open are looked at.
        open_rows = np.flatnonzero(holds if every else ~holds)
        if not len(open_rows):
            break
        holds[open_rows] = _holds(scan, part, chosen.take(open_rows))
    return holds


def _tested(condition: Condition, column: Column) -> Flags:
    holds = np.zeros(column.size, np.bool_)
    for texts in column.texts:
        if condition.operator is Operator.EXISTS:
            holds[texts.at] = True
        else:
            holds[texts.at] = _passes(condition, texts.column)
    if condition.operator is Operator.EXISTS and condition.values == ("false",):
        holds = ~holds
    return holds if column.of_item is None else holds[column.of_item]


def _passes(condition: Condition, column: Slices) -> Flags:
    values = [value.encode() for value in condition.values]
    if condition.operator is Operator.PREFIX:
        return _starts(column, values[0])
    if condition.operator is Operator.IN and len(values) <= _FEW:
        holds = column.equals(values[0])
        for value in values[1:]:
            holds |= column.equals(value)
        return holds
    codes, first = distinct(column)
    known = column.take(first)
    if condition.operator is Operator.IN:
        wanted = frozenset(values)
        verdicts = np.fromiter((value in wanted for value in known), np.bool_, len(known))
    else:
        verdicts = _found(known, condition.values[0])
    return verdicts[codes]


def _starts(column: Slices, prefix: bytes) -> Flags:
    return Slices(column.data, column.off, np.minimum(column.len, len(prefix))).equals(prefix)


def _found(column: Slices, pattern: str) -> Flags:
    import pyarrow.compute as pc  # RE2; only for tenants whose rules have a pattern: it costs 38 MB

    found: Flags = pc.match_substring_regex(column.to_arrow(), pattern).to_numpy(zero_copy_only=False)
    return found
