"""The scanner and what stands on it, in items a second of one core, beside the official library's parse.

Floors: a copy of the same bytes (the least that any pass over them must do) and the official protobuf library,
which only builds its objects and reads none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks import payloads
from benchmarks.harness import Table, in_turn, measure
from schema.hash import partitions_of
from schema.signal import Signal
from schema.wire import Owner, Scan, join, scan, split
from schema.wire.maps import to_map

ITEMS = 20_480
PARTITIONS = 16
ROUNDS = 7

Work = Callable[[], object]

_MAKE = {
    Signal.TRACES: (payloads.traces, ExportTraceServiceRequest, "span"),
    Signal.METRICS: (payloads.metrics, ExportMetricsServiceRequest, "point"),
    Signal.LOGS: (payloads.logs, ExportLogsServiceRequest, "record"),
}


def main() -> None:
    """Print the tables."""
    for per_call in (512, 8):
        _bench(Signal.TRACES, per_call)
    _bench(Signal.LOGS, 512)
    _bench(Signal.METRICS, 512)


def _bench(signal: Signal, per_call: int) -> None:
    make, request, unit = _MAKE[signal]
    calls = make(per_call, ITEMS)
    size = sum(map(len, calls)) / ITEMS
    table = Table(f"Wire scan: {signal.name.lower()}, {per_call} a call, {size:.0f} bytes a {unit}", unit)
    work = _work(signal, calls, request)
    for step in work.values():
        step()
    with in_turn(table, ROUNDS) as rounds:
        for _ in rounds:
            for name, step in work.items():
                table.add(name, measure(ITEMS, step))


def _work(signal: Signal, calls: Sequence[bytes], request: Any) -> dict[str, Work]:
    data, bounds = join(calls)
    done = scan(signal, data, bounds)
    owner = Owner.POINT if signal is Signal.METRICS else Owner.ITEM
    group = _group(done)
    return {
        "official library, parse only": lambda: [request.FromString(call) for call in calls],
        "copy of the bytes": lambda: data.copy(),
        "join and scan": lambda: scan(signal, *join(calls)),
        "split (already scanned)": lambda: split(done, group),
        "scan, hash, split": lambda: _scan_and_split(signal, data, bounds),
        "attributes to an Arrow map": lambda: to_map(done, owner),
        "scan and map": lambda: to_map(scan(signal, data, bounds), owner),
    }


def _group(done: Scan) -> npt.NDArray[np.int32]:
    column = "name" if done.signal is Signal.METRICS else "trace_id"
    return partitions_of(done.items.slices(column).hash(), PARTITIONS)


def _scan_and_split(signal: Signal, data: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> None:
    done = scan(signal, data, bounds)
    split(done, _group(done))


if __name__ == "__main__":
    main()
