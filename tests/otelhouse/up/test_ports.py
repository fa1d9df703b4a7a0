"""Ports are checked before anything is started."""

from __future__ import annotations

import socket

import pytest

from otelhouse.errors import StartupError
from otelhouse.up.ports import choose_addresses


def test_port_0_becomes_different_free_ports() -> None:
    chosen = choose_addresses({"a": "127.0.0.1:0", "b": "127.0.0.1:0", "c": "[::1]:0"})
    assert len({chosen["a"], chosen["b"]}) == 2
    assert chosen["c"].startswith("[::1]:")
    for address in (chosen["a"], chosen["b"]):
        host, _, port = address.rpartition(":")
        with socket.create_server((host, int(port))):
            pass


def test_a_busy_port_is_named_by_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(StartupError) as caught:
            choose_addresses({"ingest.otlp_grpc": f"127.0.0.1:{port}"})
    assert str(caught.value) == f"ingest.otlp_grpc: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_a_port_that_is_shared_by_another_process_is_busy_too() -> None:
    with socket.socket() as shared:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind(("127.0.0.1", 0))
        shared.listen()
        with pytest.raises(StartupError, match="in use"):
            choose_addresses({"ingest.otlp_grpc": f"127.0.0.1:{shared.getsockname()[1]}"})


@pytest.mark.parametrize("address", ["192.0.2.1:4317", "no-such-host.invalid:4317"])
def test_an_address_that_is_not_ours_is_named_by_its_setting(address: str) -> None:
    with pytest.raises(StartupError, match=r"^query\.http: cannot listen on "):
        choose_addresses({"query.http": address})
