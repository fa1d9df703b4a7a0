"""The cluster's DDL is what the real engine takes: created on chDB with a real ZooKeeper, as two replicas.

chDB runs no queue of distributed DDL, so `ON CLUSTER` is parsed but left out when the tables are made, and its
replicas stay read-only: that they can be created and find each other is what is tested.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schema.clickhouse_ddl import Layout, render
from schema.migrations import migrations
from tests.support.zookeeper import start_zookeeper

LAYOUT = Layout("house", "telemetry")

CONFIG = """<clickhouse>
  <zookeeper><node><host>127.0.0.1</host><port>{port}</port></node></zookeeper>
  <macros><shard>01</shard><replica>{replica}</replica></macros>
  <remote_servers><telemetry>
    <shard><internal_replication>true</internal_replication>
      <replica><host>127.0.0.1</host><port>9001</port></replica><replica><host>127.0.0.1</host><port>9002</port></replica>
    </shard>
    <shard><replica><host>127.0.0.1</host><port>9003</port></replica></shard>
  </telemetry></remote_servers>
</clickhouse>"""

# A process of its own: an engine cannot be closed and opened again with another configuration in one process.
RUN = """
import json, os, sys
import chdb
connection = chdb.connect(sys.argv[1])
for statement in json.load(sys.stdin):
    connection.query(statement)
for question in (
    "SELECT table, engine, is_readonly, zookeeper_path, replica_name FROM system.replicas ORDER BY table",
    "SELECT name, engine_full FROM system.tables WHERE database = 'house' AND engine = 'Distributed' ORDER BY name",
):
    rows = str(connection.query(question, "JSONCompact"))
    print(json.dumps(json.loads(rows)["data"]), flush=True)
os._exit(0)  # closing it would wait for the replicas' sessions
"""


def _create(directory: Path, port: int, replica: str, statements: list[str]) -> tuple[list[list[str]], list[list[str]]]:
    config = directory / f"{replica}.xml"
    config.write_text(CONFIG.format(port=port, replica=replica))
    target = f"{directory / replica}?config-file={config}"
    done = subprocess.run(
        [sys.executable, "-c", RUN, target], input=json.dumps(statements), capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    replicas, distributed = (json.loads(line) for line in done.stdout.splitlines())
    return replicas, distributed


@pytest.fixture(scope="module")
def statements() -> list[str]:
    every = [LAYOUT.create_database()]
    for migration in migrations("clickhouse"):
        every += render(migration.text, LAYOUT)
    return every


def test_two_replicas_of_a_shard_are_created_and_read_through_the_cluster(
    tmp_path: Path, statements: list[str]
) -> None:
    here = [statement.replace(LAYOUT.on_cluster, "") for statement in statements]
    assert len(here) > 10
    here.insert(1, "USE house")
    with start_zookeeper(tmp_path) as port:
        first, first_read = _create(tmp_path, port, "a", here)
        second, second_read = _create(tmp_path, port, "b", here)
    tables = [row[0] for row in first]
    assert {"spans_local", "logs_local", "samples_local"} <= set(tables)
    assert [row[4] for row in first] == ["a"] * len(tables)
    assert [row[4] for row in second] == ["b"] * len(tables)
    for replicas in (first, second):
        assert [row[3] for row in replicas] == [f"/clickhouse/tables/01/house/{table}" for table in tables]
    assert first_read == second_read
    # By the names that are read: of `red` and `red_exemplars` the suffix of what is written changes the order.
    assert first_read == sorted(
        [table.removesuffix("_local"), f"Distributed('telemetry', 'house', '{table}')"] for table in tables
    )


def test_the_engine_parses_every_statement_with_its_cluster(tmp_path: Path, statements: list[str]) -> None:
    explained = [f"EXPLAIN AST {statement}" for statement in statements]
    assert sum("ON CLUSTER 'telemetry'" in statement for statement in explained) == len(statements)
    _create(tmp_path, 1, "c", explained)
