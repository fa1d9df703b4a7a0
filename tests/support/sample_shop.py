"""The query service on an embedded ClickHouse filled with a shop's telemetry of the last hour.

For work on the dashboard: `python -m tests.support.sample_shop [HOST:PORT] [TRACES]` until Ctrl-C.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from pathlib import Path

from pydantic import SecretStr

from otelhouse import clickhouse
from otelhouse.clock import SystemClock
from otelhouse.component import print_ready
from otelhouse.config import ClickHouseSettings, PostgresSettings, QuerySettings, Settings
from otelhouse.migrate import migrate
from query.main import run
from tests.support.clickhouse import start_clickhouse
from tests.support.postgres import embedded_server
from tests.support.rows import SECOND, Event, LogData, Rows, SpanData

_CALLS = (("web", "GET /checkout"), ("cart", "cart.Get"), ("payment", "payment.Charge"), ("stock", "SELECT stock"))


def _trace(random: random.Random, end: int) -> tuple[list[SpanData], list[LogData]]:
    trace_id, start = f"{random.getrandbits(128):032x}", end - random.randrange(3_600 * SECOND)
    failed = random.random() < 0.1
    spans: list[SpanData] = []
    logs: list[LogData] = []
    parent, duration = "00" * 8, random.randrange(20_000_000, 2_000_000_000)
    for depth, (service, name) in enumerate(_CALLS):
        span_id = f"{random.getrandbits(64) or 1:016x}"
        wrong = failed and depth == 2
        spans.append(
            SpanData(
                trace_id,
                span_id,
                start,
                duration,
                parent,
                name=name,
                service=service,
                kind=2 if depth < 3 else 3,
                status=2 if wrong else 0,
                status_message="card declined" if wrong else "",
                attributes={"cart.items": random.randrange(9), "http.route": "/checkout", "cached": depth == 1},
                resource={"service.version": "1.4.2", "host.name": f"node-{random.randrange(3)}"},
                scope_name="sample.shop",
                events=(Event("exception", start + duration // 2, {"exception.message": "declined"}),) if wrong else (),
            )
        )
        body = "payment failed" if wrong else f"{name} done"
        severity, word = (17, "ERROR") if wrong else (9, "INFO")
        logs.append(LogData(start + duration, body, trace_id, span_id, severity, word, service, start + duration))
        parent, start, duration = span_id, start + duration // 10, duration * 7 // 10
    return spans, logs


def main() -> None:
    """Serve until the process is ended."""
    http = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080"
    traces = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as data, start_clickhouse(Path(data)) as server, embedded_server() as postgres:
        settings = Settings(
            clickhouse=ClickHouseSettings(url=server.url),
            postgres=PostgresSettings(url=SecretStr(postgres.url)),
            query=QuerySettings(http=http),
        )
        migrate(settings, clock)
        client = clickhouse.connect(settings.clickhouse)
        rows, seeded = Rows(client), random.Random(1)
        made = [_trace(seeded, clock.now_ns()) for _ in range(traces)]
        rows.spans(*(span for spans, _ in made for span in spans))
        rows.logs(*(log for _, logs in made for log in logs))
        rows.metrics("http_server_request_duration_seconds", "orders_total", "process_cpu_seconds_total")
        run(settings, clock, threading.Event(), print_ready)


if __name__ == "__main__":
    main()
