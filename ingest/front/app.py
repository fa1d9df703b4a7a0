"""The ASGI application that Envoy loads: runs ingest beside Envoy's event loop, and hands it what arrives."""

from __future__ import annotations

import os
import sys
import threading

from ingest.asgi import Receive, Scope, Send
from ingest.front import handover
from ingest.front.private import remove_directory
from ingest.front.server import Server
from otelhouse.clock import SystemClock
from otelhouse.component import Ready, run_component
from otelhouse.otlp import exporting
from otelhouse.telemetry import configure_logs


class _Process:
    """The component's life. Its thread waits; what serves lives on Envoy's loop."""

    def __init__(self) -> None:
        self._handed = handover.take()
        self._server: Server | None = None
        configure_logs(self._handed.settings.telemetry, "ingest")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._server is not None and scope["type"] == "http":
            await self._server.answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        server = self._server = Server(self._handed)
        threading.Thread(target=self._run, args=(server,), name="ingest", daemon=True).start()
        await server.started()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _run(self, server: Server) -> None:
        settings, clock = self._handed.settings, SystemClock()

        def serve(stop: threading.Event, ready: Ready) -> None:
            from ingest import main  # here, where a fault in it is reported like any other

            with exporting(settings.telemetry, "ingest", clock):
                main.run(settings, clock, stop, ready, server)

        code = run_component(serve)
        if code == 0:
            server.quit()
            return
        remove_directory(self._handed.directory)
        sys.stderr.flush()
        os._exit(code)  # Envoy has no way to end with an exit code of ours


app = _Process()
