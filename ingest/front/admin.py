"""Envoy's administration, over the socket that only this process' user can reach."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

_SECONDS = 2.0


class Admin:
    """Blocks for two seconds at most."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, target: str) -> tuple[int, str]:
        """Status and text. Raises OSError while Envoy does not answer."""
        return self._ask("GET", target)

    def post(self, target: str, before: Callable[[], None] = lambda: None) -> tuple[int, str]:
        """The same, for what changes something. `before` runs once Envoy is connected, but was not asked yet."""
        return self._ask("POST", target, before)

    def _ask(self, method: str, target: str, before: Callable[[], None] = lambda: None) -> tuple[int, str]:
        connection = _Connection(self._path)
        try:
            connection.connect()
            before()
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except HTTPException as error:
            raise OSError(f"Envoy's administration gave no answer: {error}") from None
        finally:
            connection.close()


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("admin", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
