"""A real Prometheus remote-writes to the all-in-one: what is stored is what Prometheus itself answers."""

from __future__ import annotations

import json
import math
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from otelhouse.clickhouse import connect
from tests.support.components import Component
from tests.support.prometheus import Prometheus
from tests.support.up import clickhouse_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STALE = 0x7FF0000000000002
GONE_AFTER = 4


class _App(BaseHTTPRequestHandler):
    """An application in OpenMetrics' format; one of its series is gone after some scrapes."""

    scrapes = 0

    def do_GET(self) -> None:
        _App.scrapes += 1
        count = _App.scrapes
        lines = [
            "# TYPE requests counter",
            "# HELP requests Requests handled.",
            f'requests_total{{code="200",path="/ä"}} {count} # {{trace_id="{TRACE}",span_id="{SPAN}"}} 1.5',
            "# TYPE load gauge",
            f"load {math.sin(count)}",
            "# TYPE odd__name_ratio gauge",
            'odd__name_ratio{_private="x",le="text"} NaN',
            "# TYPE queue_count gauge",
            "queue_count +Inf",
            "# TYPE latency_seconds histogram",
            "# UNIT latency_seconds seconds",
            f'latency_seconds_bucket{{le="0.1"}} {count} # {{other="o"}} 0.05',
            f'latency_seconds_bucket{{le="+Inf"}} {2 * count}',
            f"latency_seconds_count {2 * count}",
            f"latency_seconds_sum {count * 0.7}",
            *(["# TYPE gone gauge", "gone 1"] if count <= GONE_AFTER else []),
            "# EOF",
        ]
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def app() -> Iterator[str]:
    _App.scrapes = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), _App) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


Labels = tuple[tuple[str, str], ...]
Value = int | tuple[int, int, tuple[tuple[float, float, float], ...]]
"""Bits of a sample; of a native histogram those of its count and sum, and its buckets (left, right, count)."""


def _rows(laptop: Component, jobs: tuple[str, ...], table: str, columns: str) -> list[dict[str, Any]]:
    """Rows of these jobs, each with its metric, labels and time in `ms`."""
    with connect(clickhouse_of(laptop.process.pid)) as client:
        text = client.raw_query(
            f"SELECT metric, labels, toUnixTimestamp64Milli(time) AS ms, {columns} FROM {table} AS s "
            "INNER JOIN (SELECT DISTINCT series, metric, labels FROM series) AS d USING series "
            f"WHERE labels['job'] IN {jobs} SETTINGS output_format_json_quote_64bit_integers = 0, "
            "output_format_json_quote_denormals = 1",
            fmt="JSONEachRow",
        )
    return [json.loads(line) for line in text.splitlines()]


def _stored(laptop: Component, jobs: tuple[str, ...]) -> dict[Labels, dict[int, Value]]:
    """All samples and native histograms of these jobs, by milliseconds."""
    found: dict[Labels, dict[int, Value]] = {}
    for row in _rows(laptop, jobs, "samples", "reinterpretAsUInt64(value) AS bits"):
        found.setdefault(_labels(row), {})[row["ms"]] = row["bits"]
    for row in _rows(laptop, jobs, "histograms", "s.* EXCEPT (sum), reinterpretAsUInt64(sum) AS sum"):
        stale = row["sum"] == STALE
        value = (_bits(str(row["count"])), row["sum"], _buckets(row))
        found.setdefault(_labels(row), {})[row["ms"]] = STALE if stale else value
    return found


def _labels(row: dict[str, Any]) -> Labels:
    return tuple(sorted({**row["labels"], "__name__": row["metric"]}.items()))


def _buckets(row: dict[str, Any]) -> tuple[tuple[float, float, float], ...]:
    """Those that are not empty, in the order of their bounds."""
    base = 2.0 ** (2.0 ** -row["scale"])
    found = []
    for side, sign in (("positive", 1), ("negative", -1)):
        for place, count in enumerate(row[f"{side}_counts"], row[f"{side}_offset"]):
            bounds = sorted((sign * base**place, sign * base ** (place + 1)))
            found.append((*bounds, float(count)))
    found.append((-row["zero_threshold"], row["zero_threshold"], float(row["zero_count"])))
    return _sorted(found)


def _sorted(buckets: Iterable[tuple[float, float, float]]) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        sorted((float(f"{left:.9g}"), float(f"{right:.9g}"), count) for left, right, count in buckets if count)
    )


def _bits(text: str) -> int:
    value = float(text)
    return 0x7FF8000000000001 if math.isnan(value) else int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _answered(prometheus: Prometheus, at: float) -> dict[Labels, dict[int, Value]]:
    """All samples and native histograms that Prometheus has up to a time."""
    found: dict[Labels, dict[int, Value]] = {}
    for series in prometheus.ask("query", query='{__name__=~".+"}[1h]', time=at)["result"]:
        times = found.setdefault(tuple(sorted(series["metric"].items())), {})
        for seconds, text in series.get("values", []):
            times[round(seconds * 1000)] = _bits(text)
        for seconds, histogram in series.get("histograms", []):
            buckets = _sorted((float(a), float(b), float(count)) for _, a, b, count in histogram.get("buckets", []))
            times[round(seconds * 1000)] = (_bits(histogram["count"]), _bits(histogram["sum"]), buckets)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("message", "shop"), [("prometheus.WriteRequest", "shop/one"), ("io.prometheus.write.v2.Request", "shop/two")]
)
def test_what_a_real_prometheus_writes_is_stored_as_it_answers_it(
    laptop: Component, app: str, tmp_path: Path, message: str, shop: str
) -> None:
    itself = f"itself-{shop}"
    with Prometheus(
        tmp_path / "p", {shop: app}, itself, f"http://{laptop.ready['otlp_http']}/api/v1/write", message
    ) as prometheus:
        deadline = time.monotonic() + 60
        while _App.scrapes < 3 * GONE_AFTER:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        at = time.time()
        wanted = _answered(prometheus, at)
        exemplars = prometheus.ask("query_exemplars", query='{__name__=~".+"}', start=at - 60, end=at)
        assert any(
            len(series.get("histograms", []))
            for series in prometheus.ask("query", query='{__name__=~".+"}[1h]', time=at)["result"]
        )
        while True:
            stored = _stored(laptop, (shop, itself))
            missing = {
                labels: times for labels, times in wanted.items() if not times.items() <= stored.get(labels, {}).items()
            }
            if not missing:
                break
            if time.monotonic() > deadline:
                labels, times = next(iter(missing.items()))
                lacks = f"{len(missing)} of {len(wanted)}: {labels}: {times} is not in {stored.get(labels)}"
                raise AssertionError(f"{lacks}\n{prometheus.log()[-2000:]}")
            time.sleep(0.2)
        assert len(wanted) > 500
        limit = round(at * 1000)
        more = {
            (labels, ms, value)
            for labels, times in stored.items()
            for ms, value in times.items()
            if ms <= limit and value != STALE and ms not in wanted.get(labels, {})
        }
        assert not more
        (gone,) = (times for labels, times in stored.items() if ("__name__", "gone") in labels)
        assert list(gone.values()).count(STALE) == 1
        rows = _rows(laptop, (shop, itself), "exemplars", "value, hex(trace_id) AS trace, hex(span_id) AS span")
        sent = [
            (
                series["seriesLabels"]["__name__"],
                each["labels"].get("trace_id", "").upper() or "0" * 32,
                float(each["value"]),
            )
            for series in exemplars
            for each in series["exemplars"]
        ]
        assert sent
        assert set(sent) <= {(row["metric"], row["trace"], row["value"]) for row in rows}
        failed = prometheus.ask("query", query="sum(prometheus_remote_storage_samples_failed_total) or vector(0)")[
            "result"
        ]
        assert [each["value"][1] for each in failed] == ["0"]
