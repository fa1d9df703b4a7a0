"""A migrated house with a query service in this process, and tenants to ask it as."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from clickhouse_connect.driver.client import Client

from otelhouse import postgres
from otelhouse.clock import ManualClock
from otelhouse.config import Settings
from otelhouse.keys import create_key
from query.main import run
from query.timestamps import render
from tests.support.rows import SECOND, Rows

NOW = 1_750_000_000 * SECOND
"""The service's clock stands here."""

_numbers = count()


def post(http: str, body: Any, **headers: str) -> httpx.Response:
    """POST JSON to the service's GraphQL."""
    # Without TLS there is nothing to verify, and getting ready for it costs 20 ms a request.
    return httpx.post(f"http://{http}/graphql", json=body, headers=headers, timeout=20, verify=False)


@dataclass(frozen=True)
class Tenant:
    """One tenant of the house: its key, and its own rows."""

    name: str
    key: str
    http: str
    rows: Rows

    def post(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The whole answer, errors and all."""
        answer = post(self.http, {"query": query, "variables": variables or {}}, authorization=f"Bearer {self.key}")
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, query: str, **variables: Any) -> Any:
        """The value of the only root field; AssertionError if there are errors."""
        answer = self.post(query, variables)
        if "errors" in answer:
            raise AssertionError(answer["errors"])
        (value,) = answer["data"].values()
        return value

    def error(self, query: str, **variables: Any) -> tuple[str, str]:
        """Code and message of the only error."""
        (error,) = self.post(query, variables)["errors"]
        return error["extensions"]["code"], error["message"]


@dataclass(frozen=True)
class House:
    """A running query service over stores of its own."""

    settings: Settings
    http: str
    client: Client

    def tenant(self) -> Tenant:
        """A new tenant, with nothing stored."""
        name = f"tenant{next(_numbers)}"
        with postgres.connect(self.settings.postgres) as connection:
            key = create_key(connection, name, create_tenant=True).key
        return Tenant(name, key, self.http, Rows(self.client, name, self.settings.clickhouse.database))


@contextmanager
def serving(settings: Settings, http: str = "127.0.0.1:0") -> Iterator[str]:
    """Run the service on `http` until the block ends; yields host:port as bound."""
    stop, bound = threading.Event(), threading.Event()
    addresses: dict[str, str] = {}

    def ready(found: Any) -> None:
        addresses.update(found)
        bound.set()

    settings = settings.model_copy(update={"query": settings.query.model_copy(update={"http": http})})
    service = threading.Thread(target=run, args=(settings, ManualClock(wall_ns=NOW), stop, ready))
    service.start()
    try:
        if not bound.wait(20):
            raise AssertionError("the query service did not get ready")
        yield addresses["http"]
    finally:
        stop.set()
        service.join(15)
        if service.is_alive():
            raise AssertionError("the query service did not stop")


def around(before: float = 3600, after: float = 60) -> dict[str, str]:
    """A TimeRange around NOW, in seconds before and after."""
    return {"start": render(NOW - int(before * SECOND)), "end": render(NOW + int(after * SECOND))}
