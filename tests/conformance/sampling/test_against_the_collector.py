"""Our verdicts beside those of a real Collector's tail_sampling, on policies and traces made at random.

The Collector is an older one than the version whose meaning is ours (later ones cannot be built from a module proxy
alone); where both differ is said in `generated.py`. TEST_SEED chooses the policies and traces.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelhouse.sampling.config import parse
from otelhouse.sampling.decide import decide
from schema.signal import Signal
from tests.conformance.sampling.generated import policies, trace
from tests.otelhouse.sampling.made import columns, requests
from tests.support.collector import program

CASES, TRACES = 150, 250
SEED = int(os.environ.get("TEST_SEED", "1"))
_WAIT = 2
_SETTINGS = {"decision_wait": f"{_WAIT}s", "num_traces": 100_000}


class Sink:
    """A gRPC server that remembers which traces came for which case."""

    def __init__(self) -> None:
        self.traces: dict[int, set[bytes]] = defaultdict(set)
        self.server = grpc.server(ThreadPoolExecutor(4), handlers=[self])  # type: ignore[list-item]  # duck-typed below
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, call: Any) -> Any:
        case = int(dict(call.invocation_metadata)["x-case"])

        def take(body: bytes, context: Any) -> bytes:
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.traces[case].update(span.trace_id for scope in group.scope_spans for span in scope.spans)
            return b""

        return grpc.unary_unary_rpc_method_handler(take)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def collector(cases: list[list[dict[str, Any]]], sink: int, folder: Path) -> Iterator[int]:
    """A Collector that decides all cases at once; its OTLP port."""
    port = free_port()
    numbers = range(len(cases))
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}},
        "processors": {f"tail_sampling/{n}": {**_SETTINGS, "policies": cases[n]} for n in numbers},
        "exporters": {
            f"otlp/{n}": {
                "endpoint": f"127.0.0.1:{sink}", "tls": {"insecure": True}, "headers": {"x-case": str(n)},
                "sending_queue": {"enabled": False}, "timeout": "30s",
            }
            for n in numbers
        },
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                f"traces/{n}": {"receivers": ["otlp"], "processors": [f"tail_sampling/{n}"], "exporters": [f"otlp/{n}"]}
                for n in numbers
            },
        },
    }  # fmt: skip
    (folder / "collector.yaml").write_text(json.dumps(config))
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen([program(), "--config", folder / "collector.yaml"], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "collector.log").read_text()[-3000:]
                assert time.monotonic() < until
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
@pytest.mark.timeout(1900)
def test_each_trace_has_the_peers_verdict(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    cases = [policies(rng) for _ in range(CASES)]
    traces = [trace(rng) for _ in range(TRACES)]
    made = columns(traces)
    sink = Sink()
    with collector(cases, sink.port, tmp_path) as port, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(Signal.TRACES.grpc_method)
        for request in requests(traces):
            call(request.SerializeToString(), timeout=10)
        time.sleep(2 * _WAIT + 3)
    sink.server.stop(1).wait()
    different = []
    for number, case in enumerate(cases):
        verdicts = decide(parse({"policies": case}), made)
        for place, sampled in enumerate(verdicts.sampled.tolist()):
            if sampled != (made.ids[place].tobytes() in sink.traces[number]):
                different.append((case, place, sampled))
    assert not different, _told(different, traces)


def _told(different: list[tuple[list[dict[str, Any]], int, bool]], traces: list[Any]) -> str:
    """The differences by case, and one of them in full."""
    cases = {json.dumps(case): 0 for case, _, _ in different}
    for case, _, _ in different:
        cases[json.dumps(case)] += 1
    first = different[0]
    counts = "\n".join(
        f"{count} of {case} {[(p, s) for c, p, s in different if json.dumps(c) == case]}"
        for case, count in cases.items()
    )
    return f"{len(different)} verdicts differ:\n{counts}\nsuch as {first}: {traces[first[1]]}"
