"""/healthz, /readyz and /metrics, the same on every component."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], None]
"""Returns if the part can be reached, raises with a one-line reason if not. May block for two seconds."""


class Readiness:
    """The parts that a component needs, by name; asked anew for every /readyz."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Name a part. A later check of the same name replaces the earlier one."""
        self._checks[name] = check

    def failures(self) -> dict[str, str]:
        """Reason by part, for the parts that cannot be reached; empty means ready."""
        failed: dict[str, str] = {}
        for name, check in list(self._checks.items()):  # parts may be named while we ask
            try:
                check()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises is a reason, never a crash
                failed[name] = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return failed


def health_routes(readiness: Readiness) -> Sequence[Route]:
    """Routes to mount in a component's HTTP application."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        failed = await asyncio.to_thread(readiness.failures)
        status = "unavailable" if failed else "ready"
        return JSONResponse({"status": status, "failed": failed}, status_code=503 if failed else 200)

    async def metrics(_: Request) -> Response:
        return Response(await asyncio.to_thread(generate_latest), media_type=CONTENT_TYPE_LATEST)

    return (Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics))
