"""Which series of two vectors belong together: worked out once a series, not once a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.promql.errors import ExecutionError, QueryTooLarge
from otelhouse.promql.tree import Cardinality, Matching
from otelhouse.promql.values import NAME, Labels, Vector, counted
from schema.arrays import I64, Mask


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of the many side and of the one side, and the match group that both are of; int64[pairs] each."""

    many: I64
    one: I64
    group: I64


def signatures(left: list[Labels], right: list[Labels], matching: Matching) -> tuple[int, I64, I64]:
    """-> how many match groups there are, and the group of each series."""
    groups: dict[object, int] = {}
    names = matching.labels
    if matching.on:
        found = [
            [groups.setdefault(tuple([each.get(name) for name in names]), len(groups)) for each in side]
            for side in (left, right)
        ]
    else:
        ignored = {NAME, *names}
        found = [
            [
                groups.setdefault(frozenset([pair for pair in each.items() if pair[0] not in ignored]), len(groups))
                for each in side
            ]
            for side in (left, right)
        ]
    return len(groups), np.array(found[0], np.int64), np.array(found[1], np.int64)


def paired(many: Vector, one: Vector, matching: Matching, both: Mask, max_cells: int) -> Pairs:
    """All pairs of one match group. `both`: at which steps both sides have anything, bool[steps].

    Raises ExecutionError where the one side has two series of a group at such a step.
    """
    groups, many_groups, one_groups = signatures(many.labels, one.labels, matching)
    order = np.argsort(one_groups, kind="stable")
    bounds = np.searchsorted(one_groups[order], np.arange(groups + 1))
    sizes = np.diff(bounds)
    _check_unique(one, one_groups, sizes, both, matching)
    partners = sizes[many_groups]
    if int(partners.sum()) * max(1, len(both)) > max_cells:
        raise QueryTooLarge(
            f"matching two vectors makes {int(partners.sum())} pairs of series: match on more labels, or fewer series"
        )
    many_rows = np.repeat(np.arange(len(many_groups)), partners)
    within = np.arange(len(many_rows)) - np.repeat(np.cumsum(partners) - partners, partners)
    one_rows = order[np.repeat(bounds[:-1][many_groups], partners) + within]
    return Pairs(many_rows, one_rows, many_groups[many_rows])


def most_at_once(group: I64, present: Mask) -> int:
    """How many rows of one group are present at a step, at most."""
    if not len(group):
        return 0
    distinct, at = np.unique(group, return_inverse=True)
    return int(counted(present, at, len(distinct))[0].max())


def _check_unique(one: Vector, groups: I64, sizes: I64, both: Mask, matching: Matching) -> None:
    shared = np.flatnonzero(sizes[groups] > 1)
    if not len(shared):
        return
    if most_at_once(groups[shared], one.present[shared] & both) > 1:
        side = "left" if matching.cardinality is Cardinality.ONE_TO_MANY else "right"
        first = one.labels[int(shared[0])]
        group = {name: value for name, value in first.items() if (name in matching.labels) == matching.on}
        raise ExecutionError(
            f"found duplicate series for the match group {group} on the {side} hand-side of the operation; "
            "many-to-many matching not allowed: matching labels must be unique on one side"
        )
