"""The service graph as a client sees it."""

from __future__ import annotations

import strawberry

from query.read.service_graph import EdgeRow, Graph, Node, NodeType

strawberry.enum(
    NodeType,
    name="ServiceNodeType",
    description="SERVICE sends spans. DATABASE, MESSAGING and EXTERNAL are known from what services say of them. "
    "USER is whoever begins a request from outside.",
)


@strawberry.type(description="An end of edges. Two of different types may have the same name.")
class ServiceNode:
    name: str
    type: NodeType


@strawberry.type(description="Requests of a client to a server, each counted for those it stands for, before sampling.")
class ServiceEdge:
    client: str
    server: str
    client_type: NodeType
    server_type: NodeType
    connection: str = strawberry.field(description="Empty for a call; messaging_system, database, virtual_node.")
    request_rate: float = strawberry.field(description="Requests per second.")
    error_rate: float = strawberry.field(description="Share of requests that failed on either side, 0 to 1.")
    p95_ms: float = strawberry.field(description="As the client sees it; where that sends no spans, the server.")
    client_p95_ms: float | None
    server_p95_ms: float | None


@strawberry.type(description="Who asks whom. Edges by their rate, the busiest 5000 first; nodes in the order of edges.")
class ServiceGraph:
    nodes: list[ServiceNode]
    edges: list[ServiceEdge]


def to_service_graph(graph: Graph) -> ServiceGraph:
    return ServiceGraph(
        nodes=[_node(node) for node in graph.nodes],
        edges=[_edge(edge) for edge in graph.edges],
    )


def _node(node: Node) -> ServiceNode:
    return ServiceNode(name=node.name, type=node.type)


def _edge(edge: EdgeRow) -> ServiceEdge:
    seen = edge.server_p95_ms if edge.client_p95_ms is None else edge.client_p95_ms
    return ServiceEdge(
        client=edge.client.name,
        server=edge.server.name,
        client_type=edge.client.type,
        server_type=edge.server.type,
        connection=edge.connection,
        request_rate=edge.request_rate,
        error_rate=edge.error_rate,
        p95_ms=seen or 0.0,
        client_p95_ms=edge.client_p95_ms,
        server_p95_ms=edge.server_p95_ms,
    )
