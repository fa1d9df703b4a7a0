"""What the process that was started hands to itself over the exec that makes it Envoy: its settings, in memory."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

from otelhouse.address import Address
from otelhouse.config import Settings
from otelhouse.tls import TlsFiles

_VARIABLE = "OTELHOUSE_HANDOVER"


@dataclass(frozen=True)
class Handover:
    """`grpc`, `http`: where Envoy listens; `directory`: the private one, with Envoy's admin socket.

    `reserved`: files of sockets that keep the ports until Envoy listens; `keyless`: ports on which a call needs no key.
    """

    settings: Settings
    grpc: Address
    http: Address
    directory: Path
    tls: TlsFiles | None
    reserved: tuple[int, ...]
    keyless: frozenset[int]

    def put(self) -> dict[str, str]:
        """Write it to a file in memory that an exec inherits; the environment variable that tells which."""
        file = os.memfd_create("otelhouse-handover", 0)
        with os.fdopen(os.dup(file), "wb") as out:
            pickle.dump(self, out)
        return {_VARIABLE: str(file)}


def take() -> Handover:
    """What was handed over; once, because it holds secrets."""
    with os.fdopen(int(os.environ.pop(_VARIABLE)), "rb") as handed:
        handed.seek(0)
        found = pickle.load(handed)
    if not isinstance(found, Handover):
        raise TypeError(f"a {type(found).__name__} was handed over")
    return found
