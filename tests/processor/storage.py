"""Our tables in a database of their own, on the embedded ClickHouse."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from otelhouse.clickhouse import connect
from otelhouse.config import ClickHouseSettings
from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations

BLOCK_TABLES = (
    "spans",
    "trace_index",
    "decisions",
    "sampler_states",
    "red",
    "red_exemplars",
    "service_edges",
    "logs",
    "samples",
    "histograms",
    "series_seen",
    "series_refused",
    "ha_replicas",
    "exemplars",
    "recorded",
    "recorded_until",
)
SHARED_TABLES = ("resources", "series")


def settings_of(url: str, database: str) -> ClickHouseSettings:
    return ClickHouseSettings(url=url, database=database, user="default", password=SecretStr(""))


def fresh_database(url: str, database: str) -> ClickHouseSettings:
    """Make the database with all our tables."""
    settings = settings_of(url, database)
    with connect(settings, database="") as client:
        client.command(Layout(database).create_database())
    with connect(settings) as client:
        create_tables(client, database)
    return settings


def create_tables(client: Client, database: str) -> None:
    """All our tables in a database that exists."""
    for migration in migrations("clickhouse"):
        for statement in render(migration.text, Layout(database)):
            client.command(statement)


# What a merge keeps of rows with the same key, where senders contradict each other about a metric's unit or type.
_ANY_OF = {"series": ("type", "unit", "help", "temporality")}


def contents(client: Client, table: str, without: tuple[str, ...] = ()) -> list[str]:
    """All rows of a table, sorted, each as ClickHouse's JSON; of idempotent tables each row once."""
    distinct = "DISTINCT" if table in SHARED_TABLES else ""
    left_out = _ANY_OF.get(table, without)
    text = client.raw_query(
        f"SELECT {distinct} * {'EXCEPT (' + ', '.join(left_out) + ')' if left_out else ''} FROM {table}",
        fmt="JSONEachRow",
        settings={"output_format_json_quote_denormals": 1},
    )
    return sorted(text.decode("utf-8", "backslashreplace").splitlines())
