"""A service's and its machines' metrics, the rules that somebody would record, and what a dashboard asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import numpy as np

from otelhouse.bus.contract import Record, TopicPartition
from processor.window import Entry, Window
from schema.record import Framing
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version
from schema.signal import Signal
from tests.support.remote_write import V1, v1_series

T0 = 1_764_000_000_000 // 60_000 * 60_000
SCRAPE_MS = 15_000
RULES = {
    "groups": [
        {
            "name": "red",
            "interval": "1m",
            "rules": [
                {"record": name, "expr": expr}
                for name, expr in (
                    ("requests:rate5m", "sum by (job, code, handler) (rate(http_requests_total[5m]))"),
                    ("requests:increase5m", "sum by (job, code) (increase(http_requests_total[5m]))"),
                    ("latency:rate5m", "sum by (job, le) (rate(http_request_duration_seconds_bucket[5m]))"),
                    ("latency_sum:rate5m", "sum by (job) (rate(http_request_duration_seconds_sum[5m]))"),
                    ("latency_count:rate5m", "sum by (job) (rate(http_request_duration_seconds_count[5m]))"),
                    ("inflight:max", "max by (job, instance) (max_over_time(http_requests_in_flight[5m]))"),
                )
            ],
        },
        {
            "name": "node",
            "interval": "1m",
            "rules": [
                {"record": name, "expr": expr}
                for name, expr in (
                    ("cpu:rate5m", "sum by (instance, mode) (rate(node_cpu_seconds_total[5m]))"),
                    ("cpu_idle:avg", 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'),
                    ("load:max", "max by (instance) (node_load1)"),
                    ("memory:sum", "sum by (instance) (node_memory_available_bytes)"),
                    ("memory:min", "min by (instance) (node_memory_available_bytes)"),
                    ("network:rate5m", "sum by (instance) (rate(node_network_receive_bytes_total[5m]))"),
                    ("up:count", "count by (job) (up)"),
                    ("up:sum", "sum by (job) (up)"),
                )
            ],
        },
    ]
}
_RATE = "rate(http_requests_total[5m])"
_ERRORS = 'rate(http_requests_total{code=~"5.."}[5m])'
_BUCKETS = "rate(http_request_duration_seconds_bucket[5m])"
_IDLE = 'rate(node_cpu_seconds_total{mode="idle"}[5m])'
QUERIES = (
    f"sum({_RATE})",
    f"sum by (job) ({_RATE})",
    f"sum by (code) ({_RATE})",
    'sum by (handler) (rate(http_requests_total{job="job-1"}[5m]))',
    f"sum({_ERRORS})",
    f"sum({_ERRORS}) / sum({_RATE})",
    f"sum by (job) ({_ERRORS}) / sum by (job) ({_RATE}) * 100",
    f"1 - sum({_ERRORS}) / sum({_RATE})",
    f"topk(3, sum by (handler) ({_RATE}))",
    f"bottomk(2, sum by (job) ({_RATE}))",
    "sum(increase(http_requests_total[5m]))",
    "sum by (code) (increase(http_requests_total[5m]))",
    f"histogram_quantile(0.5, sum by (le) ({_BUCKETS}))",
    f"histogram_quantile(0.9, sum by (le) ({_BUCKETS}))",
    f"histogram_quantile(0.99, sum by (le, job) ({_BUCKETS}))",
    'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job="job-0"}[5m])))',
    "sum(rate(http_request_duration_seconds_sum[5m])) / sum(rate(http_request_duration_seconds_count[5m]))",
    "sum by (job) (rate(http_request_duration_seconds_sum[5m]))"
    " / sum by (job) (rate(http_request_duration_seconds_count[5m]))",
    "max(max_over_time(http_requests_in_flight[5m]))",
    "max by (job) (max_over_time(http_requests_in_flight[5m])) > 10",
    "sum by (mode) (rate(node_cpu_seconds_total[5m]))",
    'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))',
    f"1 - avg by (instance) ({_IDLE})",
    f"100 * (1 - avg({_IDLE}))",
    f"avg({_IDLE}) < 0.9",
    "max(node_load1)",
    "max by (instance) (node_load1)",
    "topk(5, max by (instance) (node_load1))",
    "sum(node_memory_available_bytes) / 1024 / 1024",
    "min by (instance) (node_memory_available_bytes)",
    "sum(rate(node_network_receive_bytes_total[5m])) * 8",
    "max_over_time(sum(rate(node_network_receive_bytes_total[5m]))[10m:1m])",
    "sum(up) / count(up)",
    "count by (job) (up) - sum by (job) (up)",
    "avg_over_time(sum(up)[5m:1m])",
)
_partitions = count(100)
_BOUNDS = ("0.01", "0.05", "0.1", "0.5", "1", "+Inf")


def series(targets: int) -> Iterator[Mapping[str, str]]:
    """Labels of all series: 64 of each target."""
    for target in range(targets):
        common = {"job": f"job-{target % 3}", "instance": f"10.0.{target // 250}.{target % 250}:9100"}
        yield {"__name__": "up", **common}
        yield {"__name__": "node_load1", **common}
        yield {"__name__": "node_memory_available_bytes", **common}
        yield {"__name__": "http_requests_in_flight", **common}
        for code in ("200", "404", "500"):
            for handler in range(6):
                yield {"__name__": "http_requests_total", **common, "code": code, "handler": f"/{handler}"}
        for handler in range(3):
            own = {**common, "handler": f"/{handler}"}
            for le in _BOUNDS:
                yield {"__name__": "http_request_duration_seconds_bucket", **own, "le": le}
            for part in ("sum", "count"):
                yield {"__name__": f"http_request_duration_seconds_{part}", **own}
        for cpu in range(2):
            for mode in ("idle", "user", "system", "iowait"):
                yield {"__name__": "node_cpu_seconds_total", **common, "cpu": str(cpu), "mode": mode}
        for device in range(10):
            yield {"__name__": "node_network_receive_bytes_total", **common, "device": f"eth{device}"}


def windows(targets: int, minutes: int, tenant: str, at_a_time: int = 40_000) -> Iterator[Window]:
    """What comes of them, a window after the other. Counters begin anew now and then, gauges go up and down."""
    rng = np.random.default_rng(1)
    found = list(series(targets))
    counter = np.array([each["__name__"].endswith(("_total", "_bucket", "_sum", "_count")) for each in found])
    values = np.where(counter, 0.0, 5.0)
    # Of a partition of its own: a block that is stored twice is stored once.
    name, offset = TopicPartition(Signal.METRICS.topic, next(_partitions)), 0
    framing = Framing(tenant, 1, 0)
    for scrape in range(minutes * 60_000 // SCRAPE_MS):
        now = T0 + scrape * SCRAPE_MS
        values = np.where(counter, values + rng.exponential(3.0, len(found)), rng.exponential(9.0, len(found)))
        values = np.where(counter & (rng.random(len(found)) < 0.001), 0.0, values)
        for first in range(0, len(found), at_a_time):
            request = V1["WriteRequest"]()
            part = slice(first, first + at_a_time)
            for labels, value in zip(found[part], values[part].tolist(), strict=True):
                value = float(value > 1) if labels["__name__"] == "up" else value
                v1_series(request, labels).samples.add(value=value, timestamp=now)
            sent = np.frombuffer(bytearray(request.SerializeToString()), np.uint8)
            body = bytes(convert(Version.V1, sent, 1 << 30).body)
            entry = Entry(Record(*name, offset, now + 500, (), body), now + 500, framing)
            yield Window(name, offset, offset + 1, now + 500, now + 500, (entry,), 0)
            offset += 1
