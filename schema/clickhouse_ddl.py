"""Templates of ClickHouse DDL, rendered for a single node or for a cluster.

A template names each table twice, to write and to read, and leaves the engine open::

    CREATE TABLE IF NOT EXISTS ${write:spans} ${on_cluster} (...) ENGINE = ${engine:MergeTree} SETTINGS ${durable};
    ${read:spans};

On a single node both names are `spans`. On a cluster the rows lie in the replicated `spans_local` of a shard,
where the processor inserts, and `spans` is the Distributed table over all shards, which only reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schema.migrations import statements

_PLACEHOLDER = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_CLUSTER = re.compile(r"[A-Za-z0-9_.-]{1,63}")

# Deduplication tokens are the fence between two live owners of a partition: enough of them to outlive a handover.
_FENCE = 10_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where tables live. `cluster` is a name from the servers' `remote_servers`; empty means a single node."""

    database: str
    cluster: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.database):
            raise ValueError(f"clickhouse.database: {self.database!r} is not a name (letters, digits, underscore)")
        if self.cluster and not _CLUSTER.fullmatch(self.cluster):
            raise ValueError(f"clickhouse.cluster: {self.cluster!r} is not a name (letters, digits, _ . -)")

    def write_name(self, table: str) -> str:
        """Name that rows are inserted into."""
        return f"{table}_local" if self.cluster else table

    @property
    def on_cluster(self) -> str:
        """Clause that sends DDL to every node."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def create_database(self) -> str:
        """Statement that makes the database."""
        return f"CREATE DATABASE IF NOT EXISTS {self.database} {self.on_cluster}".strip()


def render(template: str, layout: Layout) -> list[str]:
    """Statements of a template, to be run in order in `layout.database`. An unknown placeholder is a ValueError."""
    text = _PLACEHOLDER.sub(lambda match: _expand(match, layout), template)
    return list(statements(text))


def _expand(match: re.Match[str], layout: Layout) -> str:
    kind, argument = match[1], match[2]
    if kind == "write" and argument:
        return layout.write_name(argument)
    if kind == "read" and argument:
        return _read_table(argument, layout)
    if kind == "engine" and argument:
        return _engine(argument, layout)
    if kind == "on_cluster":
        return layout.on_cluster
    if kind == "durable":
        return _durable(layout)
    raise ValueError(f"unknown placeholder {match[0]}")


def _read_table(table: str, layout: Layout) -> str:
    if not layout.cluster:
        return ""
    local = layout.write_name(table)
    # No sharding key: an INSERT through it is refused, as it must be.
    return (
        f"CREATE TABLE IF NOT EXISTS {table} {layout.on_cluster} AS {local} "
        f"ENGINE = Distributed('{layout.cluster}', '{layout.database}', '{local}')"
    )


def _engine(engine: str, layout: Layout) -> str:
    if not layout.cluster:
        return engine
    # The path names the table, not its UUID: a replica that joins later finds its peers there.
    return f"Replicated{engine}('/clickhouse/tables/{{shard}}/{{database}}/{{table}}', '{{replica}}')"


def _durable(layout: Layout) -> str:
    fsync = "fsync_after_insert = 1, fsync_part_directory = 1"
    if layout.cluster:
        return f"{fsync}, replicated_deduplication_window = {_FENCE}, replicated_deduplication_window_seconds = 604800"
    return f"{fsync}, non_replicated_deduplication_window = {_FENCE}"
