"""Remote-write requests as Prometheus sends them (2,000 samples), from snappy to OTLP bytes.

The floor is the official protobuf library's parse of the same message, which yields nothing that could be published.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import cramjam
import numpy as np

from benchmarks.harness import Table, in_turn, measure
from schema.remote_write.convert import convert
from schema.remote_write.layout import Version
from schema.signal import Signal
from schema.wire import join, scan
from tests.support.remote_write import V1, V2Builder, snappy, v1_series

SAMPLES = 2_000
REQUESTS = 100
ROUNDS = 5
_LIMIT = 64 << 20
_HELP = "Histogram of latencies for HTTP requests."


def _labels(number: int) -> dict[str, str]:
    """Those of a series of Prometheus' own, with its target's; 25 targets, 40 metrics."""
    return {
        "__name__": f"prometheus_http_request_{number % 40}_seconds_bucket",
        "code": "200",
        "handler": f"/api/v1/{number % 17}",
        "instance": f"10.0.0.{number % 25}:9090",
        "job": "prometheus",
        "le": str(number % 12),
        "method": "GET",
        "namespace": "monitoring",
        "pod": f"prometheus-{number % 25}",
    }


def _request(version: Version) -> Any:
    choose = random.Random(1)
    builder, request = V2Builder(), V1["WriteRequest"]()
    for number in range(SAMPLES):
        labels = _labels(number)
        series = builder.series(labels, 3, _HELP) if version is Version.V2 else v1_series(request, labels)
        series.samples.add(value=choose.random(), timestamp=1_700_000_000_000 + number)
    return builder.request if version is Version.V2 else request


def _inflated(body: bytes, size: int) -> bytearray:
    out = bytearray(size)
    cramjam.snappy.decompress_raw_into(body, out)
    return out


def _repeat(work: Callable[[], object]) -> None:
    for _ in range(REQUESTS):
        work()


def _ours(version: Version, body: bytes, size: int) -> bytes:
    return convert(version, np.frombuffer(_inflated(body, size), np.uint8), _LIMIT).body


def _floor(message: type[Any], body: bytes, size: int) -> object:
    return message.FromString(bytes(_inflated(body, size)))


def _scan(otlp: bytes) -> object:
    return scan(Signal.METRICS, *join([otlp]))


def main() -> None:
    """Print samples a second."""
    for version in Version:
        request = _request(version)
        plain = request.SerializeToString()
        body = snappy(plain)
        otlp = _ours(version, body, len(plain))
        table = Table(f"remote write {version}.0, {SAMPLES} samples in {len(body)} bytes", "samples")
        works = {
            "parsed by protobuf": partial(_floor, type(request), body, len(plain)),
            "converted to OTLP": partial(_ours, version, body, len(plain)),
            "scanned as OTLP (what follows)": partial(_scan, otlp),
        }
        for work in works.values():
            work()
        with in_turn(table, ROUNDS) as rounds:
            for _ in rounds:
                for name, work in works.items():
                    table.add(name, measure(REQUESTS * SAMPLES, partial(_repeat, work)))
