"""Production layout: ingest, two processors and query as processes, on Kafka, PostgreSQL 15 and ClickHouse by HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.e2e.promises import visible_within
from tests.support.clickhouse import start_clickhouse
from tests.support.components import Component, run, start
from tests.support.graphql import ask, eventually, last_hour
from tests.support.kafka import KafkaBroker
from tests.support.otel_client import grpc_exporters, http_exporters, send_one_of_each
from tests.support.postgres import debian_server

_SERVICES = "query($r: TimeRange) { services(range: $r) { name } }"
_TRACE = "query($id: ID!) { trace(id: $id) { spans { name } logs { body } } }"


@dataclass
class Layout:
    """The running components."""

    environment: dict[str, str]
    ingest: Component
    processors: Sequence[Component]
    query: Component

    @property
    def http(self) -> str:
        return self.query.ready["http"]

    @property
    def grpc(self) -> str:
        return self.ingest.ready["otlp_grpc"]


@pytest.fixture(scope="module")
def layout(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    with ExitStack() as stack:
        postgres = stack.enter_context(debian_server())
        clickhouse = stack.enter_context(start_clickhouse(tmp_path_factory.mktemp("clickhouse")))
        environment = {
            "OTELHOUSE_LOG_URL": kafka.url,
            "OTELHOUSE_CLICKHOUSE_URL": clickhouse.url,
            "OTELHOUSE_CLICKHOUSE_DATABASE": "production",
            "OTELHOUSE_POSTGRES_URL": stack.enter_context(postgres.database()),
            "OTELHOUSE_INGEST_OTLP_GRPC": "127.0.0.1:0",
            "OTELHOUSE_INGEST_OTLP_HTTP": "127.0.0.1:0",
            "OTELHOUSE_INGEST_DEGRADE": "false",  # on a busy machine too, all that is sent is stored
            "OTELHOUSE_PROCESSOR_ADMIN": "127.0.0.1:0",
            "OTELHOUSE_PROCESSOR_GROUP": f"production-{uuid.uuid4().hex[:8]}",
            "OTELHOUSE_PROCESSOR_WINDOW_SECONDS": "1",
            "OTELHOUSE_QUERY_HTTP": "127.0.0.1:0",
        }
        run(["migrate"], environment)
        components = [start([name], environment) for name in ("ingest", "processor", "processor", "query")]
        for component in components:
            stack.callback(component.kill)
        ingest, *processors, query = components
        yield Layout(environment, ingest, processors, query)
        assert [component.stop() for component in components] == [0, 0, 0, 0]


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_an_sdk_exporter_sent_is_visible_three_seconds_after_its_acknowledgement(
    layout: Layout, protocol: str
) -> None:
    eventually(lambda: _assigned(layout), lambda counts: all(counts) and sum(counts) == 12, 30)
    makers = {
        "grpc": lambda: grpc_exporters(layout.grpc),
        "http": lambda: http_exporters(layout.ingest.ready["otlp_http"]),
    }
    visible_within(layout.http, makers[protocol], seconds=3.0)


def test_a_tenant_sees_its_own_data_and_nobody_elses(layout: Layout) -> None:
    created = json.loads(run(["keys", "create", "--tenant", "acme", "--create-tenant", "--json"], layout.environment))
    key = created["key"]
    service = f"acme-{uuid.uuid4().hex[:8]}"
    trace_id = send_one_of_each(service, grpc_exporters(layout.grpc, {"authorization": f"Bearer {key}"}))
    trace = eventually(
        lambda: ask(layout.http, _TRACE, {"id": trace_id}, key)["trace"],
        lambda t: t is not None and len(t["spans"]) == 2 and len(t["logs"]) == 1,
        5,
    )
    assert trace["logs"] == [{"body": "stock is low"}]
    assert ask(layout.http, _TRACE, {"id": trace_id})["trace"] is None
    assert service not in {s["name"] for s in ask(layout.http, _SERVICES, {"r": last_hour()})["services"]}


def test_every_component_says_that_it_is_ready(layout: Layout) -> None:
    addresses = [layout.ingest.ready["otlp_http"], layout.http, *(p.ready["admin"] for p in layout.processors)]
    for address in addresses:
        answer = httpx.get(f"http://{address}/readyz")
        assert (answer.status_code, answer.json()["failed"]) == (200, {})


def _assigned(layout: Layout) -> list[float]:
    """Partitions that each processor owns, from its own metrics."""
    counts = []
    for processor in layout.processors:
        text = httpx.get(f"http://{processor.ready['admin']}/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("otelhouse_processor_partitions_owned ")]
        counts.append(sum(float(line.rpartition(" ")[2]) for line in lines))
    return counts
