"""Which sub-expressions occur more than once: each is evaluated once for the same steps."""

from __future__ import annotations

from collections import Counter

from otelhouse.promql.tree import Aggregate, Binary, Call, Node, Select, children


def repeated(node: Node) -> frozenset[Node]:
    """Those that are worth remembering: all but literals and range selectors."""
    counts: Counter[Node] = Counter()
    waiting: list[Node] = [node]
    while waiting:
        each = waiting.pop()
        counts[each] += 1
        if counts[each] == 1:
            waiting.extend(children(each))
    return frozenset(
        each for each, count in counts.items() if count > 1 and isinstance(each, Select | Call | Aggregate | Binary)
    )
