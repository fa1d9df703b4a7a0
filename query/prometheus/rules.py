"""/rules: what is recorded."""

from __future__ import annotations

from otelhouse.recording.rule import FOREVER_MS, StreamRule
from query import timestamps
from query.prometheus.answer import Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import invalid_parameter
from query.promql.recorded import Finals

_RULE_TYPES = ("", "alert", "record")
_NEVER = "0001-01-01T00:00:00Z"


async def rules(asked: Asked) -> Answer:
    """Recording rules by group: there are no others. A rule's last evaluation is the newest time that is final."""
    kind = asked.parameters.text("type").lower()
    if kind not in _RULE_TYPES:
        raise invalid_parameter("type", f'not supported value "{kind}"')
    recordings = asked.house.expressions.recordings
    held = recordings.rules(asked.tenant)
    if held is None or kind == "alert" or asked.parameters.all("file[]"):
        return Answer.of({"groups": []})
    finals = await recordings.finals(asked.tenant)
    names, groups = asked.parameters.all("rule_name[]"), asked.parameters.all("rule_group[]")
    found = []
    for group in held.groups:
        rules = [_rule(each, finals) for each in group.rules if not names or each.record in names]
        if rules and (not groups or group.name in groups):
            interval, last = group.interval_ms / 1000, max(str(each["lastEvaluation"]) for each in rules)
            found.append(
                {"name": group.name, "file": "", "rules": rules, "interval": interval, "limit": 0}
                | {"evaluationTime": 0, "lastEvaluation": last}
            )
    return Answer.of({"groups": found})


def _rule(rule: StreamRule, finals: Finals) -> dict[str, object]:
    final = finals.rules.get(rule.id)
    last = _NEVER if final is None or final.until_ms >= FOREVER_MS else timestamps.render(final.until_ms * 1_000_000)
    return {
        "name": rule.record,
        "query": rule.expr,
        "labels": dict(rule.labels),
        "health": "ok" if final else "unknown",
        "evaluationTime": 0,
        "lastEvaluation": last,
        "type": "recording",
    }
