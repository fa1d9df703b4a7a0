"""The official Python exporters against ingest: each protocol, with and without compression, all signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from schema.signal import Signal
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.otel_client import Exporters, grpc_exporters, http_exporters, send_one_of_each


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    with running_ingest(tmp_path_factory.mktemp("python"), metadata_url) as running:
        yield running


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize(("protocol", "exporters"), [("grpc", grpc_exporters), ("http", http_exporters)])
def test_what_an_official_exporter_sends_is_in_the_log(
    ingest: RunningIngest, protocol: str, exporters: Callable[..., Exporters], gzip: bool
) -> None:
    address = ingest.otlp_grpc if protocol == "grpc" else ingest.otlp_http
    service = f"python-{protocol}-{gzip}"
    trace = bytes.fromhex(send_one_of_each(service, exporters(address, gzip=gzip)))
    for signal, wanted in ((Signal.TRACES, trace), (Signal.LOGS, trace), (Signal.METRICS, service.encode())):
        assert any(wanted in record.value for record in ingest.records(signal)), signal.name
