"""One set of templates renders to a single node and to a cluster."""

from __future__ import annotations

import re

import pytest

from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations

TABLES = {
    "spans",
    "trace_index",
    "logs",
    "resources",
    "series",
    "samples",
    "exemplars",
    "red",
    "red_exemplars",
    "service_edges",
}


def _all(layout: Layout) -> list[str]:
    return [statement for migration in migrations("clickhouse") for statement in render(migration.text, layout)]


def _created(statements: list[str]) -> list[str]:
    return re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", "\n".join(statements))


def test_a_single_node_has_one_table_to_write_and_to_read() -> None:
    statements = _all(Layout("house"))
    assert set(_created(statements)) >= TABLES
    assert len(_created(statements)) == len(set(_created(statements)))
    assert not any("Replicated" in statement or "Distributed" in statement for statement in statements)
    assert Layout("house").write_name("spans") == "spans"


def test_a_cluster_writes_to_replicas_and_reads_from_all_shards() -> None:
    layout = Layout("house", "prod-eu")
    statements = _all(layout)
    for table in TABLES:
        local = next(text for text in statements if f"EXISTS {table}_local " in text)
        assert "ON CLUSTER 'prod-eu'" in local
        assert "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')" in local
        read = next(text for text in statements if f"EXISTS {table} " in text)
        assert f"AS {table}_local ENGINE = Distributed('prod-eu', 'house', '{table}_local')" in read
    assert layout.write_name("spans") == "spans_local"


@pytest.mark.parametrize("layout", [Layout("house"), Layout("house", "prod")])
def test_nothing_of_a_template_is_left_and_every_statement_can_be_run_again(layout: Layout) -> None:
    for statement in _all(layout):
        assert "${" not in statement
        assert "IF NOT EXISTS" in statement


@pytest.mark.parametrize("layout", [Layout("house"), Layout("house", "prod")])
def test_every_table_that_is_written_survives_a_power_cut_and_dedups_blocks(layout: Layout) -> None:
    for statement in _all(layout):
        if "MergeTree" in statement:
            assert "fsync_after_insert = 1, fsync_part_directory = 1" in statement
            assert "replicated_deduplication_window = 10000" in statement
            assert re.search(r"ORDER BY \(tenant,", statement)


def test_an_unknown_placeholder_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\$\{wirte:spans\}"):
        render("CREATE TABLE ${wirte:spans}", Layout("house"))


@pytest.mark.parametrize(("database", "cluster"), [("a b", ""), ("a'; DROP", ""), ("", ""), ("a", "x' SYNC --")])
def test_names_that_could_carry_sql_are_refused(database: str, cluster: str) -> None:
    with pytest.raises(ValueError, match=r"clickhouse\.(database|cluster)"):
        Layout(database, cluster)
