"""`otelhouse up --demo`: the shop's telemetry arrives as it would from anyone's services."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otelhouse.demo.shop import SERVICES
from otelhouse.up.plan import DEMO_SERVICES
from tests.support.components import Component
from tests.support.graphql import ask, eventually, last_hour
from tests.support.up import children, start_up

_SERVICES = "query($r: TimeRange) { services(range: $r) { name } }"
_ORDERS = """query($q: TraceQuery!) { traces(query: $q, first: 20) { edges { node {
  id spans { service kind parentId } logs { service body spanId } } } } }"""
_NAMES = "{ metricNames }"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    component = start_up(tmp_path_factory.mktemp("demo"), "--demo")
    yield component
    component.process.send_signal(signal.SIGINT)  # Ctrl-C
    assert component.process.wait(20) == 0, "".join(component.log[-20:])
    component.stop()


def _orders(up: Component) -> list[dict[str, Any]]:
    query = {"range": last_hour(), "service": "checkout", "operation": "POST /order"}
    return [edge["node"] for edge in ask(up.ready["http"], _ORDERS, {"q": query})["traces"]["edges"]]


def test_the_supervisor_runs_the_services_that_there_are() -> None:
    assert sorted(DEMO_SERVICES) == sorted(SERVICES)


def test_every_service_sends(up: Component) -> None:
    eventually(
        lambda: {service["name"] for service in ask(up.ready["http"], _SERVICES, {"r": last_hour()})["services"]},
        lambda names: names >= set(SERVICES),
        40,
    )


def test_a_trace_goes_through_the_services_and_its_logs_go_with_it(up: Component) -> None:
    asked = set(SERVICES) - {"catalog"}

    def whole(order: dict[str, Any]) -> bool:
        logged = {log["service"] for log in order["logs"]}
        return _services(order) == asked and logged >= {"payment", "shipping", "checkout"}

    orders = eventually(lambda: _orders(up), lambda orders: any(map(whole, orders)), 40)
    order = next(filter(whole, orders))
    assert sum(span["parentId"] is None for span in order["spans"]) == 1
    assert all(log["spanId"] for log in order["logs"])


def _services(order: dict[str, Any]) -> set[str]:
    return {span["service"] for span in order["spans"]}


def test_metrics_arrive_with_prometheus_names(up: Component) -> None:
    expected = {"http_server_request_duration_seconds_bucket", "shop_orders_total", "shop_cart_items"}
    eventually(lambda: set(ask(up.ready["http"], _NAMES)["metricNames"]), lambda names: names >= expected, 40)


def test_a_service_that_dies_comes_back_and_ends_nothing(up: Component) -> None:
    killed = children(up.process.pid)["demo-payment"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: children(up.process.pid).get("demo-payment", killed), lambda pid: pid != killed, 10)


def test_the_shop_takes_little_of_a_core(up: Component) -> None:
    pids = [pid for name, pid in children(up.process.pid).items() if name.startswith("demo-")]
    assert len(pids) == len(SERVICES)
    begun, started = sum(map(_cpu_seconds, pids)), _uptime()
    eventually(_uptime, lambda now: now - started > 3, 10)
    assert (sum(map(_cpu_seconds, pids)) - begun) / (_uptime() - started) < 0.25


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])
