"""A recording rule that can be evaluated on the stream: what each series gives, and how series are put together.

    scale * AGGREGATION by (labels) (steps(function(selector[range]))) + shift

Processors evaluate `function` and `steps` over the series of a partition and aggregate these; what partitions yield is
merged, then scaled and shifted, by whoever reads. Without an aggregation each series yields one of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from otelhouse.promql.arithmetic import ARITHMETIC, COMPARISON, scalars
from otelhouse.promql.building import build
from otelhouse.promql.errors import PromQLError
from otelhouse.promql.functions.ranges import FUNCTIONS
from otelhouse.promql.printing import printed
from otelhouse.promql.selectors import Selector, metric_of
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Invariant,
    Negate,
    Node,
    Number,
    Range,
    Select,
    Type,
    children,
    rebuilt,
    type_of,
)
from schema.hash import xxh64_bytes

LOOKBACK_MS = 300_000
"""How far an instant selector looks back."""
MOST_RANGE_MS = 3_600_000
"""Samples of a range selector are held in memory: of longer ones, too many."""
FOREVER_MS = 4_102_444_800_000
"""The year 2100: until then all points are final of a rule whose series have fallen silent."""
_LATE = 12
_STREAMED = frozenset(FUNCTIONS) - {"double_exponential_smoothing", "predict_linear"}
_SHAPE = "what streams is an aggregation over a function of one selector, and arithmetic by constants on it"


class Merge(IntEnum):
    """How the values of partitions become one: see processor and query. MEAN: of sums, by the counts beside them."""

    SUM = 0
    MIN = 1
    MAX = 2
    MEAN = 3
    GROUP = 4


_MERGES = {
    "sum": Merge.SUM,
    "count": Merge.SUM,
    "min": Merge.MIN,
    "max": Merge.MAX,
    "avg": Merge.MEAN,
    "group": Merge.GROUP,
}


class DoesNotStream(ValueError):
    """The expression is PromQL, but not to be evaluated on the stream; the message names the sub-expression and why."""

    def __init__(self, node: Node, why: str) -> None:
        super().__init__(f"'{printed(node)}' does not stream: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Step:
    """An operator between each value and a constant, which stands to the left if `swapped`."""

    op: str
    constant: float
    swapped: bool
    as_bool: bool


@dataclass(frozen=True, slots=True)
class StreamRule:
    """See the module. `range_ms`: how far it looks back; `function`, of `params` and a range, is empty for an instant
    selector.

    Log time `grace_ms` has to pass before a point is evaluated: so long samples may take to arrive.
    `node`: the expression without what it is scaled and shifted by; that is the `aggregate`, if there is one. `id` is
    stable: a hash of all that is said here.
    """

    record: str
    labels: tuple[tuple[str, str], ...]
    interval_ms: int
    grace_ms: int
    expr: str
    selector: Selector
    range_ms: int
    function: str
    params: tuple[float, ...]
    steps: tuple[Step, ...]
    node: Node
    aggregate: Aggregate | None
    scale: float
    shift: float

    @property
    def id(self) -> int:
        labels = "".join(f"{name}\xff{value}\xff" for name, value in self.labels)
        times = f"{self.interval_ms}\xff{self.grace_ms}"
        return xxh64_bytes(f"{self.record}\xff{times}\xff{labels}\xff{self.expr}".encode())

    @property
    def late_ms(self) -> int:
        """How long after it was evaluated samples that come late still change a point."""
        return _LATE * self.grace_ms

    @property
    def metric(self) -> str:
        """The metric that it reads."""
        return str(metric_of(self.selector))

    @property
    def merge(self) -> Merge:
        """How partitions' values become one."""
        return Merge.SUM if self.aggregate is None else _MERGES[self.aggregate.op]


def stream_rule(record: str, labels: dict[str, str], interval_ms: int, grace_ms: int, text: str) -> StreamRule:
    """Raises PromQLError where it is no PromQL, DoesNotStream."""
    tree = plain(build(text, Steps.at(0), Settings()))
    if type_of(tree) is not Type.VECTOR:
        raise PromQLError(f"a rule records an instant vector, this is a {type_of(tree).value}")
    aggregate, scale, shift = _linear(tree) if _aggregates(tree) else (None, 1.0, 0.0)
    inner = tree if aggregate is None else aggregate.expr
    steps: list[Step] = []
    select, range_ms, function, params = _leaf(inner, steps)
    if metric_of(select.selector) is None:
        raise DoesNotStream(select, "it does not name its metric")
    if select.offset_ms or select.at_ms is not None:
        raise DoesNotStream(select, "the stream knows no offset and no @")
    if range_ms > MOST_RANGE_MS:
        raise DoesNotStream(inner, "it looks back more than an hour, and that long no samples are held")
    return StreamRule(
        record, tuple(sorted(labels.items())), interval_ms, grace_ms, printed(tree), select.selector, range_ms,
        function, params, tuple(reversed(steps)), aggregate or tree, aggregate, scale, shift,
    )  # fmt: skip


def plain(node: Node) -> Node:
    """The tree without what depends on when it is evaluated, matchers in one order: equal expressions are equal."""
    match node:
        case Invariant():
            return plain(node.expr)
        case Select():
            return Select(ordered(node.selector), node.offset_ms, node.at_ms)
        case Range():
            return Range(Select(ordered(node.select.selector), node.select.offset_ms, node.select.at_ms), node.range_ms)
        case Aggregate():
            node = replace(node, labels=tuple(sorted(set(node.labels))))
    return rebuilt(node, plain)


def ordered(selector: Selector) -> Selector:
    """The matchers in one order, each once."""
    return tuple(sorted(set(selector), key=lambda each: (each.name, each.type.value, each.value)))


def _aggregates(node: Node) -> bool:
    return isinstance(node, Aggregate) or any(map(_aggregates, children(node)))


def _linear(node: Node) -> tuple[Aggregate, float, float]:
    """(the aggregation, by what it is multiplied, what is added then)"""
    match node:
        case Aggregate():
            if node.op not in _MERGES:
                raise DoesNotStream(node, f"{node.op} of all series is not made of {node.op} of some")
            return node, 1.0, 0.0
        case Negate():
            found, scale, shift = _linear(node.expr)
            return found, -scale, -shift
        case Binary():
            left, right = _constant(node.left), _constant(node.right)
            if (left is None) == (right is None) or node.op not in ("+", "-", "*", "/"):
                raise DoesNotStream(node, _SHAPE)
            found, scale, shift = _linear(node.right if right is None else node.left)
            if right is None:
                return found, *_from_left(node, float(left or 0), scale, shift)
            return found, *_from_right(node, right, scale, shift)
        case _:
            raise DoesNotStream(node, _SHAPE)


def _from_left(node: Binary, constant: float, scale: float, shift: float) -> tuple[float, float]:
    match node.op:
        case "+":
            return scale, constant + shift
        case "-":
            return -scale, constant - shift
        case "*":
            return constant * scale, constant * shift
    raise DoesNotStream(node, "it divides by an aggregation")


def _from_right(node: Binary, constant: float, scale: float, shift: float) -> tuple[float, float]:
    match node.op:
        case "+":
            return scale, shift + constant
        case "-":
            return scale, shift - constant
        case "*":
            return scale * constant, shift * constant
    if constant == 0:
        raise DoesNotStream(node, "it divides by zero")
    return scale / constant, shift / constant


def _leaf(node: Node, steps: list[Step]) -> tuple[Select, int, str, tuple[float, ...]]:
    """(selector, how far it looks back, function, its other arguments); appends what is done with the value, the last
    first."""
    match node:
        case Select():
            return node, LOOKBACK_MS, "", ()
        case Call(name, (*others, Range(select, range_ms))) if name in _STREAMED:
            params = [_constant(each) for each in others]
            if None in params:
                raise DoesNotStream(node, "an argument is no constant")
            return select, range_ms, name, tuple(each for each in params if each is not None)
        case Negate():
            steps.append(Step("*", -1.0, False, False))
            return _leaf(node.expr, steps)
        case Binary():
            left, right = _constant(node.left), _constant(node.right)
            if (left is None) == (right is None) or not (node.op in ARITHMETIC or node.op in COMPARISON):
                raise DoesNotStream(node, _SHAPE)
            constant = right if right is not None else left
            steps.append(Step(node.op, float(constant or 0), right is None, node.as_bool))
            return _leaf(node.right if right is None else node.left, steps)
        case Call():
            raise DoesNotStream(node, f"{node.name}() is no function of the samples in a range that can be streamed")
        case _:
            raise DoesNotStream(node, _SHAPE)


def _constant(node: Node) -> float | None:
    """The value of an expression of numbers alone."""
    match node:
        case Number():
            return node.value
        case Negate():
            value = _constant(node.expr)
            return None if value is None else -value
        case Binary():
            left, right = _constant(node.left), _constant(node.right)
            if left is None or right is None:
                return None
            with np.errstate(all="ignore"):
                return float(scalars(node.op, np.array([left]), np.array([right]))[0])
        case _:
            return None
