"""Turns the process of `otelhouse ingest` into Envoy, which loads this very Python again and ingest into it.

One process: no parent to orphan it, no proxy in between. What can be said only here is said here: which port is taken.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
from typing import NoReturn

from ingest.front.envoy import Bootstrap, binary, command, environment
from ingest.front.handover import Handover
from ingest.front.private import make_directory, remove_directory
from ingest.front.secrets import write_secrets
from otelhouse.address import Address
from otelhouse.config import Settings
from otelhouse.errors import StartupError
from otelhouse.listening import bind, listening_address
from otelhouse.telemetry import log_format
from otelhouse.tls import TlsFiles

_SETTINGS = ("ingest.otlp_grpc", "ingest.otlp_http")


def launch(settings: Settings) -> NoReturn:
    """Become Envoy. Raises StartupError; returns never."""
    tls = TlsFiles.of(settings.ingest, "ingest")
    wanted = [
        listening_address(text, setting)
        for text, setting in zip((settings.ingest.otlp_grpc, settings.ingest.otlp_http), _SETTINGS, strict=True)
    ]
    held = [_reserve(address, setting) for address, setting in zip(wanted, _SETTINGS, strict=True)]
    grpc, http = (Address(*reserved.getsockname()[:2]) for reserved in held)
    open_to_others = {
        bound.port for bound, address in zip((grpc, http), wanted, strict=True) if not address.is_loopback
    }
    variables = environment()
    directory = make_directory()
    if tls is not None:
        write_secrets(tls, directory)
    handover = Handover(
        settings,
        grpc,
        http,
        directory,
        tls,
        tuple(reserved.fileno() for reserved in held),
        frozenset({grpc.port, http.port} - open_to_others),
    )
    for reserved in held:
        reserved.set_inheritable(True)
    json_logs = log_format(settings.telemetry) == "json"
    words = command(Bootstrap((grpc, http), directory, settings.ingest, tls, json_logs))
    envoy = binary()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is a file, and 1024 is a usual limit
    sys.stdout.flush()
    try:
        os.execve(envoy, words, {**variables, **handover.put()})
    except OSError as error:
        remove_directory(directory)
        raise StartupError(f"cannot start Envoy: {envoy}: {error.strerror}") from None


def _reserve(address: Address, setting: str) -> socket.socket:
    """A socket that keeps the port from being given away, but does not listen, so that Envoy can bind it too.

    Raises StartupError, naming the setting and the address.
    """
    with bind(address, setting) as probe:
        found = probe.getsockname()
    reserved = socket.socket(probe.family, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(found)
    return reserved
