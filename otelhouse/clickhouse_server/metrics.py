"""What the embedded ClickHouse says of itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "otelhouse_clickhouse_requests_total",
    "Statements answered, by what they do and by ClickHouse's error code (0: none).",
    ["kind", "code"],
)
SECONDS = Histogram(
    "otelhouse_clickhouse_request_seconds",
    "Seconds from a statement's request to the end of its answer.",
    ["kind"],
    buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
)
RUNNING = Gauge("otelhouse_clickhouse_running", "Statements that are being answered.")
WRITTEN_ROWS = Counter("otelhouse_clickhouse_written_rows_total", "Rows of committed inserts.")
