"""How much a query would read: by the index alone, before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from io import BufferedReader
from typing import Any

from query.database import Database
from query.plan.tree import Select


async def rows_to_read(
    database: Database, select: Select, limits: Mapping[str, Any] | None = None, seconds: float | None = None
) -> int:
    """Rows of its table that the index leaves: at least those that the query finds."""
    tables = (select.source.table.encode(), f"{select.source.table}_local".encode())  # the latter on a cluster

    def count(stream: BufferedReader) -> int:
        lines = (line.split(b"\t") for line in stream)  # database, table, parts, rows, marks
        return sum(int(words[3]) for words in lines if words[1] in tables)

    return await database.read(select, "TabSeparated", count, limits or {}, seconds, explain="ESTIMATE")
