"""Ports that cannot be had end the start with one line that names the setting."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from otelhouse.errors import StartupError
from tests.support.ingest import RunningIngest, running_ingest


@pytest.mark.parametrize("setting", ["otlp_grpc", "otlp_http"])
def test_a_busy_port_is_an_error_that_names_the_setting(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        with (
            pytest.raises(
                StartupError, match=f"^ingest.{setting}: cannot listen on {address}: Address already in use$"
            ),
            running_ingest(tmp_path, **{setting.removeprefix("otlp_"): address}),
        ):
            pass


@pytest.mark.parametrize("setting", ["otlp_grpc", "otlp_http"])
def test_a_second_ingest_cannot_take_half_of_the_firsts_connections(
    ingest: RunningIngest, tmp_path: Path, setting: str
) -> None:
    # By SO_REUSEPORT, which grpcio would set unasked, it could.
    with (
        pytest.raises(StartupError, match=f"ingest.{setting}"),
        running_ingest(tmp_path, **{setting.removeprefix("otlp_"): getattr(ingest, setting)}),
    ):
        pass


def test_all_hosts_of_ipv6_are_those_of_ipv4_too_and_who_calls_there_needs_a_key(tmp_path: Path) -> None:
    with running_ingest(tmp_path, grpc="[::1]:0", http="[::]:0") as running:
        port = running.otlp_http.rpartition(":")[2]
        answers = {
            host: httpx.post(f"http://{host}/v1/traces", headers={"content-type": "application/x-protobuf"}).status_code
            for host in (f"127.0.0.1:{port}", f"[::1]:{port}", running.otlp_grpc)
        }
    # The last is on loopback alone and lets us in, as far as it can while there are no rules.
    assert list(answers.values()) == [401, 401, 503]
