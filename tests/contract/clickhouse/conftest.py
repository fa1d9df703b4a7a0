"""The contract of ClickHouse's HTTP interface, asked of the embedded server, or of a real one.

OTELHOUSE_TEST_CLICKHOUSE_URL=http://user:password@host:port runs the suite on a server of the caller's.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pytest
import urllib3
from clickhouse_connect.driver.client import Client


@pytest.fixture(scope="session")
def url(shared_clickhouse: str) -> str:
    """Address of the server under test."""
    return shared_clickhouse


@pytest.fixture(scope="session")
def make_client(url: str) -> Callable[..., Client]:
    """Makes clients as a user would, sessions and all."""
    where = urlsplit(url)

    def make(**options: object) -> Client:
        return clickhouse_connect.get_client(
            host=where.hostname,
            port=where.port,
            username=where.username or "default",
            password=where.password or "",
            **{"autogenerate_session_id": False, **options},
        )

    return make


@pytest.fixture
def database(make_client: Callable[..., Client]) -> Iterator[str]:
    """A fresh database."""
    name = f"contract_{uuid.uuid4().hex[:12]}"
    with contextlib.closing(make_client()) as client:
        client.command(f"CREATE DATABASE {name}")
        yield name
        client.command(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def client(make_client: Callable[..., Client], database: str) -> Iterator[Client]:
    """A client in the fresh database."""
    with contextlib.closing(make_client(database=database)) as client:
        yield client


class Http:
    """Plain HTTP, as curl speaks it."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._base = f"{where.scheme}://{where.hostname}:{where.port}"
        self._pool = urllib3.PoolManager(retries=False, timeout=30)
        self._headers = {}
        if where.username:
            self._headers = urllib3.make_headers(basic_auth=f"{where.username}:{where.password or ''}")

    def __call__(
        self,
        method: str,
        path: str = "/",
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        stream: bool = False,
        **parameters: object,
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            method,
            f"{self._base}{path}?{urlencode(parameters)}",
            body=body,
            headers={**self._headers, **(headers or {})},
            preload_content=not stream,
            decode_content=False,
        )


@pytest.fixture(scope="session")
def http(url: str) -> Http:
    """Plain HTTP to the server under test."""
    return Http(url)
