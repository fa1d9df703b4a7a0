"""Envoy as ingest sees it from inside: takes the application, says when it serves, drains, ends."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from functools import partial

from ingest.asgi import Application, Receive, Scope, Send
from ingest.front.admin import Admin
from ingest.front.handover import Handover
from ingest.front.private import ADMIN, remove_directory
from ingest.front.secrets import write_secrets
from otelhouse.tls import TlsWatch

_LOOK_SECONDS = 0.01
_LISTEN_SECONDS = 30.0
_FLUSH_SECONDS = 1.0


class Server:
    """Lives on Envoy's event loop, but for quit()."""

    def __init__(self, handover: Handover) -> None:
        self.loop = asyncio.get_running_loop()
        self.keyless = handover.keyless
        self._handover = handover
        self._admin = Admin(handover.directory / ADMIN)
        self._application: asyncio.Future[Application] = self.loop.create_future()
        self._under_way = 0
        tls, directory = handover.tls, handover.directory
        self._watch = TlsWatch(tls, partial(write_secrets, tls, directory)) if tls is not None else None

    async def started(self) -> None:
        """Return when there is an application: Envoy listens only then."""
        await self._application

    async def serve(self, application: Application) -> dict[str, str]:
        """Begin to answer with it; returns the addresses by their setting, once Envoy listens on them."""
        self._application.set_result(application)
        deadline = time.monotonic() + _LISTEN_SECONDS
        while not await asyncio.to_thread(self._listens):
            if time.monotonic() > deadline:
                raise TimeoutError("Envoy does not listen")
            await asyncio.sleep(_LOOK_SECONDS)
        for file in self._handover.reserved:
            os.close(file)
        if self._watch is not None:
            self._watch.start()
        return {"otlp_grpc": str(self._handover.grpc), "otlp_http": str(self._handover.http)}

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        self._under_way += 1
        try:
            await self._application.result()(scope, receive, send)
        finally:
            self._under_way -= 1

    async def drain(self, seconds: float) -> None:
        """Take no more connections, tell clients to leave those there are; calls under way have this long to end."""
        until = time.monotonic() + seconds
        for order in ("/healthcheck/fail", "/drain_listeners"):
            await asyncio.to_thread(self._admin.post, order)
        while self._under_way and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
        until = min(until, time.monotonic() + _FLUSH_SECONDS)
        while time.monotonic() < until and await asyncio.to_thread(self._writes):
            await asyncio.sleep(_LOOK_SECONDS)

    def quit(self) -> None:
        """End Envoy, and with it the process, with exit code 0."""
        self._admin.post("/quitquitquit", before=partial(remove_directory, self._handover.directory))

    def _listens(self) -> bool:
        with suppress(OSError):
            return self._admin.get("/ready")[0] == 200
        return False

    def _writes(self) -> bool:
        """Whether answers are still on their way to clients."""
        with suppress(OSError):
            return not self._admin.get("/stats?filter=downstream_rq_active")[1].strip().endswith(": 0")
        return False
