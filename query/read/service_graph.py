"""Which services ask which, at what rate, with what errors and durations."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Order, Select, call
from query.read.buckets import merged, percentile, steps
from query.source import Range, source

MOST_EDGES = 5_000


class NodeType(Enum):
    """What is known of one end of an edge."""

    SERVICE = "SERVICE"
    DATABASE = "DATABASE"
    MESSAGING = "MESSAGING"
    EXTERNAL = "EXTERNAL"
    USER = "USER"


_OF_CONNECTION = {"database": NodeType.DATABASE, "messaging_system": NodeType.MESSAGING}


class Node(NamedTuple):
    """One end of an edge. Two of different types may have the same name."""

    name: str
    type: NodeType


class EdgeRow(NamedTuple):
    """Requests of a client to a server. Rate per second, errors as a share of 1, milliseconds.

    `connection`: '' for calls, or 'messaging_system', 'database', 'virtual_node'. A side without spans has no p95.
    """

    client: Node
    server: Node
    connection: str
    request_rate: float
    error_rate: float
    client_p95_ms: float | None
    server_p95_ms: float | None


class Graph(NamedTuple):
    """Edges by rate, the busiest first, and their ends."""

    nodes: list[Node]
    edges: list[EdgeRow]


async def service_graph(database: Database, tenant: str, range: Range, now: int) -> Graph:
    """In the tens of seconds that the range touches; of more edges than MOST_EDGES the busiest."""
    covered = steps(range, now)
    ends = tuple(Column(name) for name in ("client", "server", "connection", "virtual"))
    select = Select(
        (
            *(Alias(end, f"f_{end.name}") for end in ends),
            Alias(call("sum", Column("requests")), "f_requests"),
            Alias(call("sum", Column("errors")), "f_errors"),
            merged("f_client_durations", "client_"),
            merged("f_server_durations", "server_"),
        ),
        source("service_edges", tenant, covered.range),
        group_by=ends,
        order_by=(Order(Column("f_requests"), descending=True), *(Order(end) for end in ends)),
        limit=MOST_EDGES,
    )
    edges = []
    for client, server, connection, virtual, requests, errors, *sides in await database.rows(select):
        durations = (percentile(0.95, *side) for side in sides)
        milliseconds = (None if found is None else found / 1e6 for found in durations)
        rates = (requests / covered.seconds, errors / requests if requests else 0.0)
        edges.append(EdgeRow(*_ends(client, server, connection, virtual), connection, *rates, *milliseconds))
    return _joined(edges)


def _ends(client: str, server: str, connection: str, virtual: str) -> tuple[Node, Node]:
    outside = _OF_CONNECTION.get(connection, NodeType.USER if virtual == "client" else NodeType.EXTERNAL)
    return (
        Node(client, outside if virtual == "client" else NodeType.SERVICE),
        Node(server, outside if virtual == "server" else NodeType.SERVICE),
    )


def _joined(edges: Iterable[EdgeRow]) -> Graph:
    """An external end with the name of a service is that service, whose span was late or lost."""
    found = list(edges)
    known = {end.name for edge in found for end in (edge.client, edge.server) if end.type is NodeType.SERVICE}
    found = [
        edge._replace(server=Node(edge.server.name, NodeType.SERVICE))
        if edge.server.type is NodeType.EXTERNAL and edge.server.name in known
        else edge
        for edge in found
    ]
    return Graph(list(dict.fromkeys(end for edge in found for end in (edge.client, edge.server))), found)
