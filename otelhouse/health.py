"""/healthz, /readyz and /metrics, the same on every component."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
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


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of HTTP."""

    status: int
    media_type: str
    body: bytes


def health_pages(readiness: Readiness) -> Mapping[str, Callable[[], Awaitable[Page]]]:
    """What makes each page, by path."""

    async def healthz() -> Page:
        return _json(200, {"status": "alive"})

    async def readyz() -> Page:
        failed = await asyncio.to_thread(readiness.failures)
        return _json(503 if failed else 200, {"status": "unavailable" if failed else "ready", "failed": failed})

    async def metrics() -> Page:
        return Page(200, CONTENT_TYPE_LATEST, await asyncio.to_thread(generate_latest))

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def health_routes(readiness: Readiness) -> Sequence[Route]:
    """The pages as routes to mount in a component's Starlette application."""
    from starlette.responses import Response  # ingest answers without Starlette, and need not load it
    from starlette.routing import Route

    def endpoint(make: Callable[[], Awaitable[Page]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:
            page = await make()
            return Response(page.body, page.status, media_type=page.media_type)

        return answer

    return [Route(path, endpoint(make)) for path, make in health_pages(readiness).items()]


def _json(status: int, document: Mapping[str, object]) -> Page:
    return Page(status, "application/json", json.dumps(document, separators=(",", ":")).encode())
