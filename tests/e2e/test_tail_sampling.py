"""Tail sampling in the all-in-one: a policy file, real SDK exporters in, and an answer for every trace."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id, set_span_in_context

from tests.ingest.requests import metrics, span, traces
from tests.support.components import Component
from tests.support.graphql import ask, eventually, last_hour
from tests.support.otel_client import grpc_exporters
from tests.support.up import start_up

TRACES, ERRORS, PERCENT = 600, 60, 25
POLICY = f"""
tail_sampling:
  decision_wait: 2s
  policies:
    - {{name: exemplars, type: exemplar}}
    - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
    - {{name: some, type: probabilistic, probabilistic: {{sampling_percentage: {PERCENT}}}}}
"""
SERVICES = "query($range: TimeRange!) { services(range: $range) { name requestRate errorRate } }"
GRAPH = "query($range: TimeRange!) { serviceGraph(range: $range) { edges { client server requestRate errorRate } } }"
DECISION = "query($id: ID!) { samplingDecision(traceId: $id) { state policy reason rate ruleVersion } }"
TRACE = "query($id: ID!) { trace(id: $id) { spanCount spans { adjustedCount } decision { state } } }"
EXEMPLARS = """query($promql: String!, $range: TimeRange!) { exemplars(query: $promql, range: $range)
  { exemplars { traceId traceStatus } } }"""
VOLUME = "query($range: TimeRange!) { samplingVolume(range: $range) { policy kept traces spans } }"


@dataclass(frozen=True)
class Sent:
    """Ids of the traces, and of those among them with an error."""

    traces: list[str]
    errors: set[str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    directory = tmp_path_factory.mktemp("sampled")
    (directory / "policy.yaml").write_text(POLICY)
    environment = {"OTELHOUSE_SAMPLING_POLICY_FILE": str(directory / "policy.yaml")}
    component = start_up(directory / "data", environment=environment)
    yield component
    assert component.stop() == 0


@pytest.fixture(scope="module")
def sent(house: Component) -> Sent:
    """Traces of two services with three spans each, of which some fail."""
    providers = []
    for service in ("web", "shop"):
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        provider.add_span_processor(BatchSpanProcessor(grpc_exporters(house.ready["otlp_grpc"]).traces))
        providers.append(provider)
    web, shop = (provider.get_tracer("tests") for provider in providers)
    traces, errors = [], set()
    for number in range(TRACES):
        entry = web.start_span("GET /", kind=SpanKind.SERVER)
        call = web.start_span("call", set_span_in_context(entry), SpanKind.CLIENT)
        served = shop.start_span("POST /order", set_span_in_context(call), SpanKind.SERVER)
        trace_id = format_trace_id(entry.get_span_context().trace_id)
        if number % (TRACES // ERRORS) == 0:
            served.set_status(StatusCode.ERROR)
            errors.add(trace_id)
        for each in (served, call, entry):
            each.end()
        traces.append(trace_id)
    for provider in providers:
        provider.shutdown()
    return Sent(traces, errors)


def decided(house: Component, sent: Sent) -> list[dict[str, object]]:
    """Once no trace waits any more."""
    http = house.ready["http"]
    total = len(sent.traces)
    volume = eventually(
        lambda: ask(http, VOLUME, {"range": last_hour()})["samplingVolume"],
        lambda found: sum(each["traces"] for each in found) >= total,
        30,
    )
    assert isinstance(volume, list)
    return volume


def test_every_trace_with_an_error_is_kept_whole_and_a_share_of_the_others(house: Component, sent: Sent) -> None:
    traces = Counter({(each["policy"], each["kept"]): each["traces"] for each in decided(house, sent)})
    assert traces["errors", True] == ERRORS
    others = TRACES - ERRORS
    expected = others * PERCENT / 100
    deviation = math.sqrt(expected * (1 - PERCENT / 100))
    assert abs(traces["some", True] - expected) <= 3 * deviation
    assert traces["some", True] + traces[None, False] == others
    http = house.ready["http"]
    for trace_id in random.Random(1).sample(sorted(sent.errors), 5):
        found = ask(http, TRACE, {"id": trace_id})["trace"]
        assert (found["spanCount"], found["decision"]) == (3, {"state": "KEPT"})
        assert {span["adjustedCount"] for span in found["spans"]} == {1.0}


def test_each_trace_says_what_became_of_it(house: Component, sent: Sent) -> None:
    decided(house, sent)
    http = house.ready["http"]
    states = set()
    for trace_id in sent.traces[1:40]:
        decision = ask(http, DECISION, {"id": trace_id})["samplingDecision"]
        stored = ask(http, TRACE, {"id": trace_id})["trace"]
        states.add(decision["state"])
        assert (stored is not None) == (decision["state"] == "KEPT")
        assert decision["ruleVersion"] == 1
        if decision["policy"] == "some":
            assert decision["rate"] == PERCENT / 100
            assert {span["adjustedCount"] for span in stored["spans"]} == {100 / PERCENT}
    assert states == {"KEPT", "DROPPED"}
    assert ask(http, DECISION, {"id": "12" * 16})["samplingDecision"] is None


def test_a_trace_that_an_exemplar_points_to_is_kept(house: Component, sent: Sent) -> None:
    address = house.ready["otlp_http"]
    pointed = [f"{number:032x}" for number in range(1, 21)]
    gauge = Metric(name="latency")
    for trace_id in pointed:
        point = gauge.gauge.data_points.add(as_double=1.5, time_unix_nano=time.time_ns())
        point.exemplars.add(as_double=1.5, time_unix_nano=time.time_ns(), trace_id=bytes.fromhex(trace_id))
    made = traces(*(span("work", bytes.fromhex(trace_id)) for trace_id in pointed), service="pointed")
    for path, body in (("traces", made), ("metrics", metrics(gauge))):
        headers = {"content-type": "application/x-protobuf"}
        answer = httpx.post(f"http://{address}/v1/{path}", content=body.SerializeToString(), headers=headers)
        assert answer.status_code == 200

    def states() -> set[tuple[str, str | None]]:
        found = [ask(house.ready["http"], DECISION, {"id": each})["samplingDecision"] or {} for each in pointed]
        return {(each.get("state", ""), each.get("policy")) for each in found}

    eventually(states, lambda found: found == {("KEPT", "exemplars")}, 20)


def test_a_dropped_trace_comes_back_when_an_exemplar_points_to_it_later(house: Component, sent: Sent) -> None:
    decided(house, sent)
    http = house.ready["http"]

    def decision(trace_id: str) -> dict[str, object]:
        found: dict[str, object] = ask(http, DECISION, {"id": trace_id})["samplingDecision"] or {}
        return found

    dropped = [each for each in sent.traces[1:60] if decision(each)["state"] == "DROPPED"][:5]
    histogram = Metric(name="late.latency")
    point = histogram.histogram.data_points.add(
        count=5, bucket_counts=[5], time_unix_nano=time.time_ns(), start_time_unix_nano=time.time_ns() - 1
    )
    histogram.histogram.aggregation_temporality = 2
    for trace_id in dropped:
        point.exemplars.add(as_double=1.5, time_unix_nano=time.time_ns(), trace_id=bytes.fromhex(trace_id))
    answer = httpx.post(
        f"http://{house.ready['otlp_http']}/v1/metrics",
        content=metrics(histogram).SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )
    assert answer.status_code == 200
    eventually(
        lambda: {(decision(each)["state"], decision(each)["reason"]) for each in dropped},
        lambda found: found == {("KEPT", "exemplar-late")},
        20,
    )
    for trace_id in dropped:
        found = ask(http, TRACE, {"id": trace_id})["trace"]
        assert (found["spanCount"], {span["adjustedCount"] for span in found["spans"]}) == (3, {1.0})
    asked = {"promql": "rate(late_latency_bucket[5m])", "range": last_hour()}
    # The metric itself is stored at the end of a window of its own partition.
    found = eventually(lambda: ask(http, EXEMPLARS, asked)["exemplars"], bool, 20)
    (series,) = found
    assert {(each["traceId"], each["traceStatus"]) for each in series["exemplars"]} == {
        (each, "KEPT") for each in dropped
    }


def test_rates_are_what_was_sent_before_sampling(house: Component, sent: Sent) -> None:
    decided(house, sent)
    http, time_range = house.ready["http"], last_hour()
    seconds = 65 * 60
    found = {each["name"]: each for each in ask(http, SERVICES, {"range": time_range})["services"]}
    assert found["web"]["requestRate"] * seconds == pytest.approx(TRACES, rel=0.02)
    assert found["shop"]["requestRate"] * seconds == pytest.approx(TRACES, rel=0.02)
    assert found["shop"]["errorRate"] == pytest.approx(ERRORS / TRACES)
    assert found["web"]["errorRate"] == 0
    edges = {
        (each["client"], each["server"]): each
        for each in ask(http, GRAPH, {"range": time_range})["serviceGraph"]["edges"]
    }
    assert edges["web", "shop"]["requestRate"] * seconds == pytest.approx(TRACES, rel=0.02)
    assert edges["web", "shop"]["errorRate"] == pytest.approx(ERRORS / TRACES)
