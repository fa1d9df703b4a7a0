"""A migrated database of its own for each test of rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection, connect
from schema.migrations import migrations


@pytest.fixture
def settings(postgres_url: str) -> PostgresSettings:
    found = PostgresSettings(url=SecretStr(postgres_url))
    with connect(found) as connection:
        for migration in migrations("postgres"):
            connection.execute(migration.text.encode())
    return found


@pytest.fixture
def connection(settings: PostgresSettings) -> Iterator[Connection]:
    with connect(settings) as made:
        yield made
