"""Who asks whom, as GraphQL tells it."""

from __future__ import annotations

import pytest

from tests.query.house import NOW, Tenant
from tests.support.rows import SECOND, EdgeData

GRAPH = """query($range: TimeRange!) { serviceGraph(range: $range) { nodes { name type }
  edges { client clientType server serverType connection requestRate errorRate p95Ms clientP95Ms serverP95Ms } } }"""
MINUTE = {"start": "2025-06-15T15:05:40Z", "end": "2025-06-15T15:06:40Z"}
TIME = NOW - 30 * SECOND
MS = 1_000_000


def test_edges_of_all_windows_are_added_up_and_the_busiest_comes_first(tenant: Tenant) -> None:
    tenant.rows.edges(EdgeData("web", "shop", TIME, requests=95, errors=5, client_duration=3 * MS))
    tenant.rows.edges(
        EdgeData(
            "web", "shop", TIME + 10 * SECOND, requests=25, errors=1, client_duration=900 * MS, server_duration=MS
        ),
        EdgeData("shop", "cart", TIME, requests=240),
        EdgeData("web", "shop", TIME - 3600 * SECOND, requests=1000),
    )
    found = tenant.ask(GRAPH, range=MINUTE)
    assert [(each["name"], each["type"]) for each in found["nodes"]] == [
        ("shop", "SERVICE"), ("cart", "SERVICE"), ("web", "SERVICE")]  # fmt: skip
    cart, shop = found["edges"]
    assert (cart["client"], cart["server"], cart["requestRate"]) == ("shop", "cart", pytest.approx(4))
    assert (shop["client"], shop["server"], shop["connection"]) == ("web", "shop", "")
    assert shop["requestRate"] == pytest.approx(2)
    assert shop["errorRate"] == pytest.approx(0.05)
    assert shop["p95Ms"] == shop["clientP95Ms"] == pytest.approx(900, rel=0.0225)
    assert shop["serverP95Ms"] == pytest.approx(1, rel=0.0225)


@pytest.mark.parametrize(
    ("edge", "client", "server"),
    [
        (EdgeData("web", "bank", TIME, "virtual_node", "server"), "SERVICE", "EXTERNAL"),
        (EdgeData("web", "orders", TIME, "database", "server"), "SERVICE", "DATABASE"),
        (EdgeData("web", "kafka", TIME, "messaging_system", "server"), "SERVICE", "MESSAGING"),
        (EdgeData("kafka", "web", TIME, "messaging_system", "client"), "MESSAGING", "SERVICE"),
        (EdgeData("user", "web", TIME, "virtual_node", "client"), "USER", "SERVICE"),
        (EdgeData("web", "mail", TIME, "messaging_system"), "SERVICE", "SERVICE"),
    ],
)
def test_an_end_without_spans_is_what_the_other_says_it_is(
    tenant: Tenant, edge: EdgeData, client: str, server: str
) -> None:
    tenant.rows.edges(edge)
    found = tenant.ask(GRAPH, range=MINUTE)
    assert found["nodes"] == [{"name": edge.client, "type": client}, {"name": edge.server, "type": server}]
    (told,) = found["edges"]
    assert (told["clientType"], told["serverType"], told["connection"]) == (client, server, edge.connection)


def test_an_external_end_with_a_services_name_is_the_service(tenant: Tenant) -> None:
    tenant.rows.edges(
        EdgeData("web", "bank", TIME, "virtual_node", "server"),
        EdgeData("bank", "ledger", TIME, "database", "server"),
        EdgeData("user", "ledger", TIME, "virtual_node", "client"),
    )
    found = tenant.ask(GRAPH, range=MINUTE)
    assert sorted((each["name"], each["type"]) for each in found["nodes"]) == [
        ("bank", "SERVICE"),
        ("ledger", "DATABASE"),
        ("ledger", "SERVICE"),
        ("user", "USER"),
        ("web", "SERVICE"),
    ]


def test_where_the_client_sends_no_spans_the_servers_durations_count(tenant: Tenant) -> None:
    tenant.rows.edges(EdgeData("user", "web", TIME, "virtual_node", "client", 1.0, 0.0, None, 7 * MS))
    (edge,) = tenant.ask(GRAPH, range=MINUTE)["edges"]
    assert (edge["clientP95Ms"], edge["p95Ms"]) == (None, pytest.approx(7, rel=0.0225))
    assert edge["serverP95Ms"] == edge["p95Ms"]
