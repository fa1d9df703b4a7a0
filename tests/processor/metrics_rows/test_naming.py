"""How names are translated is a tenant's rule, in force from a record of the log on."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otelhouse.bus.contract import Record
from schema.prometheus_name import Strategy
from schema.record import Framing
from tests.processor.metrics_rows.stream import NAME, Log, Run, run


def send(log: Log, at_ms: int, tenant: str = "acme") -> None:
    """A counter in bytes with a dotted name, attribute, scope's and resource's attribute."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    for key, text in (("service.name", "api"), ("host.name", "h1")):
        group.resource.attributes.add(key=key).value.string_value = text
    scoped = group.scope_metrics.add()
    scoped.scope.name = "lib"
    scoped.scope.attributes.add(key="a.b").value.string_value = "s"
    metric = scoped.metrics.add(name="disk.io", unit="By")
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2  # type: ignore[assignment]
    point = metric.sum.data_points.add(time_unix_nano=at_ms * 10**6, as_int=5)
    point.attributes.add(key="disk.device").value.string_value = "sda"
    headers = Framing(tenant, 1, 0).headers()
    log.records.append(Record(*NAME, len(log.records), at_ms, headers, request.SerializeToString()))


def described(made: Run) -> list[tuple[str, dict[str, str]]]:
    return [(row["metric"], dict(row["labels"])) for rows in made.series for row in rows]


ESCAPED = {"disk_device": "sda", "otel_scope_a_b": "s"}
AS_IT_IS = {"disk.device": "sda", "otel_scope_a.b": "s"}


@pytest.mark.parametrize(
    ("strategy", "name", "labels", "host"),
    [
        (Strategy.UNDERSCORES_AND_SUFFIXES, "disk_io_bytes_total", ESCAPED, "host_name"),
        (Strategy.UNDERSCORES, "disk_io", ESCAPED, "host_name"),
        (Strategy.SUFFIXES, "disk.io_bytes_total", AS_IT_IS, "host.name"),
        (Strategy.NOTHING, "disk.io", AS_IT_IS, "host.name"),
    ],
)
def test_metrics_and_labels_are_named_by_the_strategy(
    strategy: Strategy, name: str, labels: dict[str, str], host: str
) -> None:
    log = Log()
    log.limit(0, {"translation_strategy": strategy.value})
    send(log, 1000)
    log.tick(9000)
    (metric, found), (target, of_target) = described(run(log))
    assert (metric, found) == (name, {**labels, "job": "api", "otel_scope_name": "lib"})
    assert (target, of_target) == ("target_info", {host: "h1", "job": "api"})


def test_a_strategy_holds_for_its_tenant_from_its_record_on() -> None:
    log = Log()
    send(log, 0)
    log.limit(3000, {"translation_strategy": "NoTranslation"})
    send(log, 4000)
    send(log, 4001, tenant="blue")
    log.tick(9000)
    made = run(log)
    names = [metric for metric, _ in described(made) if metric != "target_info"]
    assert names == ["disk_io_bytes_total", "disk.io", "disk_io_bytes_total"]
    assert len({row["series"] for row in made.rows("samples")}) == 6


def test_what_is_refused_is_named_as_it_would_have_been() -> None:
    log = Log()
    log.limit(0, {"translation_strategy": "NoTranslation", "max_active": 0})
    send(log, 1000)
    log.tick(9000)
    assert {row["metric"] for row in run(log).rows("series_refused")} == {"disk.io", "target_info"}
