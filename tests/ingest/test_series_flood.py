"""A tenant that sends a million new series at once costs bounded memory, and is answered throughout."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingest.receivers.remote_write import PATH
from schema.signal import Signal
from tests.support.ingest import RunningIngest, decode, running_ingest
from tests.support.remote_write import V2Builder, snappy

SERIES = 1_000_000
A_REQUEST = 5_000
MOST_MIB = 256
HEADERS = {
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "content-encoding": "snappy",
}


def _mib(pid: int) -> float:
    """Memory of a process and its children that is its own: not pages of files, such as the embedded log's."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        except OSError:  # it has ended meanwhile
            continue
        found[int(process.name)] = (int(lines["PPid"]), int(lines.get("RssAnon", "0 kB").split()[0]) << 10)
    family = {pid}
    while more := {child for child, (parent, _) in found.items() if parent in family} - family:
        family |= more
    return sum(found[each][1] for each in family if each in found) / (1 << 20)


def _requests() -> Iterator[bytes]:
    """Each series is new; half of them are of families and targets that are new as well."""
    for first in range(0, SERIES, A_REQUEST):
        builder = V2Builder()
        for number in range(first, first + A_REQUEST):
            odd = number % 2
            labels = {
                "__name__": f"family_{number}_total" if odd else "requests_total",
                "instance": f"10.0.0.{number % 256}:{number if odd else 80}",
                "job": "flood",
                "user": str(number),
            }
            builder.series(labels, 1).samples.add(value=number, timestamp=1_700_000_000_000)
        yield snappy(builder.request.SerializeToString())


@pytest.mark.slow
def test_a_million_new_series_cost_bounded_memory(tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url, degrade=False) as ingest:
        idle = _mib(ingest.process.process.pid)
        most, began = idle, time.monotonic()
        with httpx.Client(base_url=f"http://{ingest.otlp_http}", timeout=60) as client:
            for body in _requests():
                answer = client.post(PATH, content=body, headers=HEADERS)
                assert answer.status_code == 204, answer.text
                most = max(most, _mib(ingest.process.process.pid))
        seconds = time.monotonic() - began
        assert _points(ingest) == SERIES
    sys.stdout.write(f"{SERIES} series in {seconds:.0f} s, at most {most - idle:.0f} MiB above idle\n")
    assert most - idle < MOST_MIB


def _points(ingest: RunningIngest) -> int:
    return sum(
        sum(len(metric.sum.data_points) for each in resource.scope_metrics for metric in each.metrics)
        for record in ingest.records(Signal.METRICS)
        for resource in decode(Signal.METRICS, record.value).resource_metrics
    )
