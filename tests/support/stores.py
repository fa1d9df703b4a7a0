"""ClickHouse and PostgreSQL together, as components are given them: by their settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
from pydantic import SecretStr

from otelhouse import clickhouse
from otelhouse.config import ClickHouseSettings, PostgresSettings, QuerySettings, Settings
from tests.support.clickhouse import external_url, start_clickhouse
from tests.support.postgres import PostgresServer

_names = count()


@pytest.fixture(scope="session")
def shared_clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of one ClickHouse for all tests that neither stop it nor fill it; each takes a database of its own."""
    if (url := external_url()) is not None:
        yield url
        return
    with start_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server.url


@pytest.fixture
def empty_stores(shared_clickhouse: str, postgres_server: PostgresServer) -> Iterator[Settings]:
    """Settings of a fresh PostgreSQL database and of a ClickHouse database that does not exist yet."""
    with postgres_server.database() as url:
        settings = stores_settings(shared_clickhouse, url)
        yield settings
        drop_database(settings)


def stores_settings(clickhouse_url: str, postgres_url: str) -> Settings:
    """Settings over these, with a ClickHouse database of a new name."""
    return Settings(
        clickhouse=ClickHouseSettings(url=clickhouse_url, database=f"test_{os.getpid()}_{next(_names)}"),
        postgres=PostgresSettings(url=SecretStr(postgres_url)),
        query=QuerySettings(http="127.0.0.1:0"),
    )


def drop_database(settings: Settings) -> None:
    """Remove the ClickHouse database of these settings."""
    client = clickhouse.connect(settings.clickhouse, database="")
    try:
        client.command(f"DROP DATABASE IF EXISTS {settings.clickhouse.database} SYNC")
    finally:
        client.close()
