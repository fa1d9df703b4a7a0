"""Exemplars of metrics vote for their traces, in the traces' own partitions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from ingest.answer import unavailable
from ingest.batch import Batch, Call
from ingest.steps.scan import scan
from ingest.steps.vote import Vote
from otelhouse.keys import Tenant
from otelhouse.rules.rule import Kind, Rule
from schema.hash import partition_of
from schema.partition_key import trace_key
from schema.record import VOTES_A_RECORD, Votes, parse_headers
from schema.signal import Signal
from tests.ingest.requests import gauge, metrics, trace_id

PARTITIONS = 3
ASKS = {"policies": [{"name": "a", "type": "and", "and": {"and_sub_policy": [{"name": "e", "type": "exemplar"}]}}]}
ASKS_NOT = {"policies": [{"name": "exemplar", "type": "always_sample"}]}


class Rules:
    """The sampling rules of tenants."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.documents = documents

    def rule(self, kind: Kind, tenant: str) -> Rule | None:
        document = self.documents.get(tenant)
        return Rule(tenant, kind, 1, document, datetime.now(UTC)) if document is not None else None


class Topics:
    """Of a log that is there, or not."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.found = partitions

    def partitions(self, _: Signal) -> int:
        if not self.found:
            raise unavailable("the log cannot be reached")
        return self.found


def pointing(*traces: bytes) -> Metric:
    """A metric whose points have an exemplar each."""
    metric = gauge("latency", *(1.0 for _ in traces))
    for point, trace in zip(metric.gauge.data_points, traces, strict=True):
        point.exemplars.add(as_double=1.0, trace_id=trace, span_id=b"s" * 8, time_unix_nano=5)
    return metric


def voted(calls: list[tuple[str, list[Metric]]], rules: Rules, topics: Topics | None = None) -> Batch:
    batch = scan(Signal.METRICS, [Call(Tenant(tenant), metrics(*made).SerializeToString()) for tenant, made in calls])
    batch.keep[[metric.endswith(b"dropped") for metric in batch.scan.items["name"]]] = False
    Vote(topics or Topics(), rules)(batch)  # type: ignore[arg-type]  # stand-ins
    return batch


def votes(batch: Batch) -> set[tuple[int, str, bytes, tuple[int, ...]]]:
    """(partition, tenant, trace id, calls) of each vote."""
    found = set()
    for part in batch.parts:
        assert (part.record.topic, part.record.value, part.items) == (Signal.TRACES.topic, b"", 0)
        said = parse_headers(part.record.headers)
        assert isinstance(said, Votes)
        ids = [said.ids[at : at + 16] for at in range(0, len(said.ids), 16)]
        found |= {(part.record.partition, said.tenant, each, tuple(part.calls.tolist())) for each in ids}
    return found


def test_each_trace_is_voted_for_once_in_its_own_partition() -> None:
    one, two = trace_id(1), trace_id(2)
    batch = voted([("acme", [pointing(one, two, one)])], Rules({"acme": ASKS}))
    assert votes(batch) == {
        (partition_of(trace_key("acme", each), PARTITIONS), "acme", each, (0,)) for each in (one, two)
    }


def test_tenants_whose_rule_does_not_ask_for_votes_have_none() -> None:
    calls = [(tenant, [pointing(trace_id(1))]) for tenant in ("acme", "blue", "green")]
    assert {each[1] for each in votes(voted(calls, Rules({"acme": ASKS_NOT, "blue": ASKS})))} == {"blue"}


def test_metrics_that_do_not_go_on_and_ids_that_are_none_vote_for_nothing() -> None:
    dropped = pointing(trace_id(1))
    dropped.name = "dropped"
    batch = voted([("acme", [dropped, pointing(b"", bytes(16), b"short"), gauge("none", 1.0)])], Rules({"acme": ASKS}))
    assert batch.parts == []


def test_a_call_waits_for_the_votes_that_it_holds() -> None:
    calls = [("acme", [gauge("none", 1.0)]), ("acme", [pointing(trace_id(1))]), ("acme", [pointing(trace_id(1))])]
    ((_, _, _, waiting),) = votes(voted(calls, Rules({"acme": ASKS})))
    assert waiting == (1, 2)


def test_a_record_holds_so_many_votes_at_most() -> None:
    traces = [trace_id(number) for number in range(VOTES_A_RECORD + 5)]
    batch = voted([("acme", [pointing(*traces)])], Rules({"acme": ASKS}), Topics(1))
    assert [len(part.record.headers[-1][1]) // 16 for part in batch.parts] == [VOTES_A_RECORD, 5]
    assert len(votes(batch)) == len(traces)


def test_metrics_go_on_without_votes_while_the_traces_topic_is_not_known() -> None:
    assert voted([("acme", [pointing(trace_id(1))])], Rules({"acme": ASKS}), Topics(0)).parts == []


@pytest.mark.parametrize("ids", [b"", b"x" * 16, b"x" * 32])
def test_votes_are_read_as_they_were_written(ids: bytes) -> None:
    assert parse_headers(Votes("acme", ids).headers()) == Votes("acme", ids)
