"""absent, absent_over_time."""

from __future__ import annotations

import numpy as np

from otelhouse.promql.selectors import MatchType
from otelhouse.promql.tree import Invariant, Node, Range, Select
from otelhouse.promql.values import NAME, Labels, Vector
from schema.arrays import Mask


def absent(argument: Node, there: Mask) -> Vector:
    """1 at the steps at which nothing is `there`, bool[steps]; its labels are what the selector says of them."""
    return Vector([_labels(argument)], np.ones((1, len(there))), ~there[None, :]).thinned()


def _labels(argument: Node) -> Labels:
    while isinstance(argument, Invariant):
        argument = argument.expr
    if isinstance(argument, Range):
        argument = argument.select
    if not isinstance(argument, Select):
        return {}
    found: Labels = {}
    twice: set[str] = set()
    for each in argument.selector:
        if each.name == NAME:
            continue
        if each.type is MatchType.EQUAL and each.name not in found:
            found[each.name] = each.value
        else:
            twice.add(each.name)
    return {name: value for name, value in found.items() if value and name not in twice}
