"""Recording rules as a client sees them."""

from __future__ import annotations

import strawberry

from otelhouse.recording.groups import Group, RecordingRules
from otelhouse.recording.rule import FOREVER_MS, StreamRule
from query.graphql.scalars import JSON, DateTime
from query.promql.recorded import Finals

_MS = 1_000_000


@strawberry.type(description="A rule that is evaluated on the stream of samples, and how far it has come.")
class RecordingRule:
    group: str
    record: str = strawberry.field(description="The name of the new series.")
    expr: str
    labels: JSON = strawberry.field(description="Labels that are added to the new series.")
    interval_ms: int = strawberry.field(description="Points are at its multiples since the epoch.")
    complete_since: DateTime | None = strawberry.field(
        description="From then on the rule has seen all samples; null: nothing was recorded yet."
    )
    final_until: DateTime | None = strawberry.field(
        description="Up to then all partitions of the log have said their part; null: none has samples for it now."
    )


def to_recording_rules(held: RecordingRules | None, finals: Finals) -> list[RecordingRule]:
    return [_rule(group, rule, finals) for group in (held.groups if held else ()) for rule in group.rules]


def _rule(group: Group, rule: StreamRule, finals: Finals) -> RecordingRule:
    final = finals.rules.get(rule.id)
    ended = final is None or final.until_ms >= FOREVER_MS
    return RecordingRule(
        group=group.name,
        record=rule.record,
        expr=rule.expr,
        labels=JSON(dict(rule.labels)),
        interval_ms=rule.interval_ms,
        complete_since=None if final is None else DateTime(final.since_ms * _MS),
        final_until=None if ended or final is None else DateTime(final.until_ms * _MS),
    )
