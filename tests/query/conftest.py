"""One house for all tests of the query service; each test is a tenant of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otelhouse import clickhouse
from otelhouse.clock import SystemClock
from otelhouse.migrate import migrate
from tests.query.house import House, Tenant, serving
from tests.support.postgres import PostgresServer
from tests.support.stores import drop_database, stores_settings


@pytest.fixture(scope="session")
def house(shared_clickhouse: str, postgres_server: PostgresServer) -> Iterator[House]:
    with postgres_server.database() as url:
        settings = stores_settings(shared_clickhouse, url)
        migrate(settings, SystemClock())
        client = clickhouse.connect(settings.clickhouse)
        with serving(settings) as http:
            yield House(settings, http, client)
        client.close()
        drop_database(settings)


@pytest.fixture
def tenant(house: House) -> Tenant:
    return house.tenant()
