"""The ports that `up` hands to its children: checked to be free, or chosen."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack

from otelhouse.address import parse_address
from otelhouse.errors import StartupError


def choose_addresses(wanted: Mapping[str, str]) -> dict[str, str]:
    """For each setting's key its `host:port`, port 0 replaced by a free one.

    Raises StartupError that names the key if an address is taken or not ours.
    """
    chosen = {}
    with ExitStack() as bound:  # all at once, so that no two get the same port
        for key, text in wanted.items():
            address = parse_address(text)
            listener = bound.enter_context(socket.socket(_family(address.host)))
            # As servers do: a port whose last connections are still closing is free.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(address)
                listener.listen()
            except OSError as error:
                raise StartupError(f"{key}: cannot listen on {address}: {_reason(error)}") from None
            chosen[key] = str(address._replace(port=listener.getsockname()[1]))
    return chosen


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _reason(error: OSError) -> str:
    # asyncio and getaddrinfo wrap the system's text; the number says it in its own words.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)
