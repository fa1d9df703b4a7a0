"""Addresses to listen on."""

from __future__ import annotations

import pytest

from otelhouse.address import parse_address


@pytest.mark.parametrize("text", ["127.0.0.1:4317", "[::1]:0", "localhost:65535", "0.0.0.0:1"])
def test_what_is_read_is_written_the_same(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "4317", ":4317", "host:", "host:65536", "host:-1", "host:x", "::1:4317"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|port|brackets"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.1.2:1", False),
        ("example.org:1", False),
    ],
)
def test_only_what_this_machine_alone_can_reach_is_loopback(text: str, loopback: bool) -> None:
    assert parse_address(text).is_loopback is loopback
