"""How much one document may ask for, counted before anything runs.

Every selected field counts each time it is selected, under whatever alias and through however many fragments;
a field that makes the database work counts more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)

MAX_TOKENS = 4_000
MAX_DEPTH = 20
MAX_COST = 1_000

_DATABASE = {
    "services": 50,
    "operations": 50,
    "serviceGraph": 50,
    "trace": 50,
    "traces": 50,
    "logs": 50,
    "metricNames": 50,
    "exemplars": 50,
    "metricRange": 100,
    "cardinality": 100,
    "recordingRules": 20,
    "samplingDecision": 50,
    "samplingVolume": 50,
    "decision": 20,
    "root": 20,
    "spans": 20,
}


class CostLimit(ValidationRule):
    """Refuses an operation that is too deep or too dear."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._fragments: dict[str, tuple[int, int]] = {}

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        cost, depth = self._measure(node.selection_set, ())
        for what, found, limit in (("cost", cost, MAX_COST), ("depth", depth, MAX_DEPTH)):
            if found > limit:
                message = f"the query's {what} is over {limit}: ask for fewer fields, or in more than one request"
                self.report_error(GraphQLError(message, node, extensions={"code": "LIMIT_EXCEEDED"}))

    def _measure(self, selections: SelectionSetNode, inside: Sequence[str]) -> tuple[int, int]:
        cost, depth = 0, 0
        for node in selections.selections:
            added, below = self._measure_one(node, inside)
            cost, depth = cost + added, max(depth, below)
        return cost, depth

    def _measure_one(self, node: Any, inside: Sequence[str]) -> tuple[int, int]:
        if isinstance(node, FragmentSpreadNode):
            return self._measure_fragment(node.name.value, inside)
        cost, depth = self._measure(node.selection_set, inside) if node.selection_set else (0, 0)
        if isinstance(node, FieldNode):
            return cost + _DATABASE.get(node.name.value, 1), depth + 1
        return cost, depth

    def _measure_fragment(self, name: str, inside: Sequence[str]) -> tuple[int, int]:
        # A fragment inside itself is another rule's to report; here it only must not hang.
        if name in inside:
            return 0, 0
        if name not in self._fragments:
            found: FragmentDefinitionNode | None = self.context.get_fragment(name)
            self._fragments[name] = self._measure(found.selection_set, (*inside, name)) if found else (0, 0)
        return self._fragments[name]
