"""A Prometheus rule file, as far as it can be evaluated on the stream.

{"groups": [{"name": "shop", "interval": "1m", "rules": [
    {"record": "job:requests:rate5m", "expr": "sum by (job) (rate(requests_total[5m]))", "labels": {"team": "a"}}]}]}

Source: Prometheus 3.5, "Defining recording rules". What is of no use on the stream is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import Field, field_validator, model_validator

from otelhouse.promql.durations import seconds
from otelhouse.promql.errors import PromQLError
from otelhouse.recording.rule import DoesNotStream, StreamRule, stream_rule
from otelhouse.rules.documents.model import Document, parse_model
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.yaml_core import load_all

MOST_RULES = 1000
"""Of a tenant."""
LEAST_INTERVAL_MS, MOST_INTERVAL_MS = 1_000, 3_600_000
MOST_OFFSET_MS = 600_000


class WrittenRule(Document):
    """As it stands in the file."""

    record: str = Field(default="", max_length=1024)
    expr: str = Field(min_length=1)
    labels: dict[str, str] = Field(default_factory=dict)
    alert: str | None = None

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        if wrong := [name for name in labels if not name or name == "__name__"]:
            raise ValueError(f"'{wrong[0]}' is no name of a label here")
        return labels

    @model_validator(mode="after")
    def _records(self) -> WrittenRule:
        if self.alert is not None:
            raise ValueError(f"'{self.alert}' is an alerting rule: only recording rules are evaluated")
        if not self.record:
            raise ValueError("'record' is missing: the name of the new series")
        return self


class WrittenGroup(Document):
    """As it stands in the file. `interval`: rules are evaluated at its multiples since the epoch, each `query_offset`
    after its time, when the samples have arrived."""

    name: str = Field(min_length=1)
    interval: str = "1m"
    query_offset: str = "10s"
    labels: dict[str, str] = Field(default_factory=dict)
    rules: tuple[WrittenRule, ...] = ()

    @field_validator("interval")
    @classmethod
    def _interval(cls, text: str) -> str:
        found = seconds(text)
        if found is None or text.isdigit() or not LEAST_INTERVAL_MS <= found * 1000 <= MOST_INTERVAL_MS:
            raise ValueError(f"'{text}' is no duration from 1s to 1h")
        return text

    @field_validator("query_offset")
    @classmethod
    def _offset(cls, text: str) -> str:
        found = seconds(text)
        if found is None or text.isdigit() or found * 1000 > MOST_OFFSET_MS:
            raise ValueError(f"'{text}' is no duration up to 10m")
        return text

    @property
    def interval_ms(self) -> int:
        return round((seconds(self.interval) or 0) * 1000)

    @property
    def grace_ms(self) -> int:
        return round((seconds(self.query_offset) or 0) * 1000)


class WrittenRules(Document):
    """A rule file. `rewrite`: whether queries that rules cover are answered from what was recorded."""

    groups: tuple[WrittenGroup, ...] = ()
    rewrite: bool = True

    @field_validator("groups")
    @classmethod
    def _different(cls, groups: tuple[WrittenGroup, ...]) -> tuple[WrittenGroup, ...]:
        names = [group.name for group in groups]
        if twice := [name for place, name in enumerate(names) if name in names[:place]]:
            raise ValueError(f"the group '{twice[0]}' is there twice")
        return groups


@dataclass(frozen=True, slots=True)
class Group:
    """Rules of one interval, by the name that the file gives them."""

    name: str
    interval_ms: int
    rules: tuple[StreamRule, ...]


@dataclass(frozen=True)
class RecordingRules:
    """A tenant's whole document, ready to be evaluated."""

    groups: tuple[Group, ...]
    rewrite: bool = True

    @cached_property
    def rules(self) -> tuple[StreamRule, ...]:
        """Of all groups."""
        return tuple(rule for group in self.groups for rule in group.rules)

    @cached_property
    def by_metric(self) -> dict[str, list[int]]:
        """Places of the rules that read a metric."""
        found: dict[str, list[int]] = {}
        for place, rule in enumerate(self.rules):
            found.setdefault(rule.metric, []).append(place)
        return found


def body(source: str) -> Mapping[str, Any]:
    """The document of a rule file's text. Raises InvalidRule if it is none."""
    documents = load_all(source)
    if len(documents) != 1 or not isinstance(documents[0], Mapping):
        raise InvalidRule("", "must be one YAML document, a mapping with 'groups'")
    parse(documents[0])
    return documents[0]


def parse(document: Mapping[str, Any]) -> RecordingRules:
    """Raises InvalidRule."""
    written = parse_model(WrittenRules, document)
    if (count := sum(len(group.rules) for group in written.groups)) > MOST_RULES:
        raise InvalidRule("groups", f"{count} rules, {MOST_RULES} are allowed")
    recorded = {rule.record for group in written.groups for rule in group.rules}
    outputs: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    groups = []
    for place, group in enumerate(written.groups):
        rules = tuple(
            _rule(group, rule, f"groups[{place}].rules[{number}]", recorded, outputs)
            for number, rule in enumerate(group.rules)
        )
        groups.append(Group(group.name, group.interval_ms, rules))
    return RecordingRules(tuple(groups), written.rewrite)


def _rule(
    group: WrittenGroup,
    written: WrittenRule,
    path: str,
    recorded: set[str],
    outputs: set[tuple[str, tuple[tuple[str, str], ...]]],
) -> StreamRule:
    """`recorded`: names that rules record; `outputs`: names and labels of the rules before, to which this one's are
    added."""
    try:
        labels = {**group.labels, **written.labels}
        found = stream_rule(written.record, labels, group.interval_ms, group.grace_ms, written.expr)
    except (PromQLError, DoesNotStream) as error:
        raise InvalidRule(f"{path}.expr", str(error)) from None
    if found.metric in recorded:
        raise InvalidRule(f"{path}.expr", f"'{found.metric}' is recorded itself, and not on the stream")
    if (output := (found.record, found.labels)) in outputs:
        raise InvalidRule(f"{path}.record", f"'{written.record}' with these labels is recorded twice")
    outputs.add(output)
    return found
