"""What the query service says of itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

QUERIES = Counter(
    "otelhouse_query_clickhouse_queries",
    "Queries sent to ClickHouse, by main table and outcome.",
    ("table", "outcome"),
)
QUERY_SECONDS = Histogram(
    "otelhouse_query_clickhouse_seconds",
    "Seconds that a query took on ClickHouse, rows fetched.",
    ("table",),
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
REQUESTS = Counter(
    "otelhouse_query_graphql_requests",
    "GraphQL requests, by the code of their first error (OK: none).",
    ("code",),
)
REQUEST_SECONDS = Histogram(
    "otelhouse_query_graphql_seconds",
    "Seconds from a GraphQL request's body to its answer.",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
PROMETHEUS_REQUESTS = Counter(
    "otelhouse_query_prometheus_requests",
    "Requests to the Prometheus HTTP API, by endpoint and errorType (ok: none).",
    ("endpoint", "outcome"),
)
PROMETHEUS_SECONDS = Histogram(
    "otelhouse_query_prometheus_seconds",
    "Seconds from a request's head to its answer, by endpoint.",
    ("endpoint",),
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
RECORDED_STEPS = Counter(
    "otelhouse_query_recorded_steps",
    "Steps of expressions that a recording rule covers, by whether they were read as recorded or evaluated.",
    ("how",),
)
COMPARED = Counter(
    "otelhouse_query_recorded_comparisons",
    "Queries that were answered once more without recorded points, by whether the answers were equal (to 1e-9).",
    ("outcome",),
)
LARGEST_ERROR = Gauge(
    "otelhouse_query_recorded_largest_error", "The largest relative difference between two such answers."
)
SAVED_SECONDS = Counter(
    "otelhouse_query_recorded_saved_seconds", "Seconds that these queries took longer without recorded points."
)
