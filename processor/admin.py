"""The processor's own HTTP port: health and metrics, served from a thread."""

from __future__ import annotations

import threading

from starlette.applications import Starlette

from otelhouse.health import Readiness, health_routes
from otelhouse.http_server import serve
from otelhouse.listening import bind, listening_address

_SETTING = "processor.admin"


class Admin:
    """Serves from start() to stop(). Raises StartupError if the port cannot be had."""

    def __init__(self, listen: str, readiness: Readiness) -> None:
        self._socket = bind(listening_address(listen, _SETTING), _SETTING)
        self._app = Starlette(routes=health_routes(readiness))
        self._stop = threading.Event()
        self._serving = threading.Event()
        self._address = ""
        self._thread = threading.Thread(target=self._run, name="admin", daemon=True)

    def start(self) -> str:
        """Serve; returns the bound host:port."""
        self._thread.start()
        self._serving.wait(10)
        return self._address

    def stop(self) -> None:
        """Stop serving; waits for at most a second."""
        self._stop.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        serve(self._app, self._socket, self._stop, self._note)

    def _note(self, address: str) -> None:
        self._address = address
        self._serving.set()
