"""The TCP addresses of settings, and whether they can be listened on."""

from __future__ import annotations

import socket

from otelhouse.address import Address, parse_address
from otelhouse.errors import StartupError

_BACKLOG = 1024


def listening_address(text: str, setting: str) -> Address:
    """Read `host:port`. Raises StartupError, naming the setting."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise StartupError(f"{setting}: {error}") from None


def bind(address: Address, setting: str) -> socket.socket:
    """A bound TCP socket, for the caller to close. Raises StartupError, naming the setting and the address."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns off Nagle's algorithm only where the protocol is named, and it costs 40 ms an answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # Two sockets may bind one port with SO_REUSEADDR; only one may listen.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise StartupError(f"{setting}: cannot listen on {address}: {error.strerror or error}") from None
    return bound
