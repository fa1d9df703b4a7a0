"""Step: tenants' control rules drop, change and route items, before anything is masked or published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ingest import metrics
from ingest.answer import Refused, unavailable
from ingest.batch import Batch
from ingest.control.apply import apply
from otelhouse.keys import Tenant
from otelhouse.rules.documents import control
from otelhouse.rules.documents.control import ControlRule, Route
from otelhouse.rules.rule import Rule
from schema.signal import Signal

BySignal = tuple[Sequence[ControlRule], Sequence[ControlRule], Sequence[ControlRule]]
"""A tenant's rules for each Signal, in order."""
WantTopic = Callable[[str, Signal], bool]
"""Have a topic made -> whether it is there."""


def compile_rules(rule: Rule | None, tenant: str) -> BySignal:
    """For `Policies`. Raises InvalidRule."""
    rules = control.parse(rule.document).rules if rule is not None else ()
    traces, metrics_, logs = (tuple(rule for rule in rules if rule.signal is signal) for signal in Signal)
    return traces, metrics_, logs


@dataclass(slots=True)
class _Turn:
    """A tenant, and the rules that are still to be applied to its items."""

    tenant: Tenant
    rules: Iterator[ControlRule]


class Control:
    """Each tenant's rules, in their order. A tenant without rules costs one look-up a batch."""

    def __init__(self, rules_of: Callable[[str], BySignal], want_topic: WantTopic) -> None:
        self._rules_of = rules_of
        self._want_topic = want_topic

    def __call__(self, batch: Batch) -> None:
        """A tenant whose rules are not known, or whose topics are not made yet, is refused; the others go on."""
        turns = [turn for tenant in dict.fromkeys(batch.tenants) if (turn := self._turn(batch, tenant)) is not None]
        while turns:
            # Each tenant goes up to a rule that changes bytes, and all changes are written in one pass.
            turns = [turn for turn in turns if _advance(batch, turn)]
            batch.apply_edits()

    def _turn(self, batch: Batch, tenant: Tenant) -> _Turn | None:
        try:
            rules = self._rules_of(tenant.id)[batch.signal]
            for rule in rules:
                if isinstance(rule.action, Route) and not self._want_topic(rule.action.topic, batch.signal):
                    raise unavailable("a topic of this tenant's control rules is being made")
        except Refused as refused:
            batch.refuse(tenant, refused)
            return None
        return _Turn(tenant, iter(rules)) if rules else None


def _advance(batch: Batch, turn: _Turn) -> bool:
    """Apply rules until one changes bytes; False when there are none left."""
    items = dict(batch.by_tenant()).get(turn.tenant)
    for rule in turn.rules:
        if items is None:
            return False
        before = len(batch.edits)
        metrics.count_control(turn.tenant.id, rule.name, apply(batch, rule, items).items)
        if len(batch.edits) > before:
            return True
        items = items[batch.keep[items]]
        items = items if len(items) else None
    return False
