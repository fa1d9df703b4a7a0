"""The series that a selector finds: where they are looked for, and their labels."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import Any

import pyarrow as pa

from otelhouse.promql.selectors import NAME_LABEL, Selector
from query.database import Database
from query.plan.tree import Alias, Column, Expression, Param, Select, call
from query.promql.known import Described
from query.read.series import selects
from query.source import Days, source

FEW = 500
"""So many values go as parameters; more are found again by the server, since an address has its limits."""
_DELTA = "delta"
_AS_COLUMNS = {"output_format_arrow_low_cardinality_as_dictionary": 1, "output_format_arrow_string_as_string": 1}


def ids_of(tenant: str, selector: Selector, days: Days) -> Select:
    """Their ids, as the right side of `in`."""
    chosen = source("series", tenant, days=days)
    return Select((Alias(Column("series"), "id"),), chosen, where=(selects(selector),))


async def names_of(
    database: Database, tenant: str, selector: Selector, days: Days, limits: dict[str, Any]
) -> list[str]:
    """The different names of their metrics, at most FEW + 1."""
    chosen = source("series", tenant, days=days)
    select = Select((Alias(Column("metric"), "f"),), chosen, where=(selects(selector),), limit=FEW + 1, distinct=True)
    table: pa.Table = await database.read(select, "ArrowStream", _table, {**_AS_COLUMNS, **limits})
    return _words(table.column(0))


async def described(
    database: Database, tenant: str, selector: Selector, days: Days, ids: list[int], limits: dict[str, Any]
) -> list[tuple[int, Described]]:
    """Labels of these series, and where those are many, of all that the selector finds; each once."""
    where: tuple[Expression, ...] = (selects(selector),)
    if len(ids) <= FEW:
        where = (*where, call("in", Column("series"), Param("Array(UInt64)", ids)))
    columns = tuple(Alias(Column(name), f"f_{name}") for name in ("series", "metric", "labels", "temporality"))
    once = (1, (Column("series"),))
    select = Select(columns, source("series", tenant, days=days), where=where, limit_by=once)

    def read(stream: BufferedReader) -> list[tuple[int, Described]]:
        return list(_described(_table(stream)))

    return await database.read(select, "ArrowStream", read, {**_AS_COLUMNS, **limits})


def _table(stream: BufferedReader) -> pa.Table:
    return pa.ipc.open_stream(stream).read_all().combine_chunks()


def _described(table: pa.Table) -> Iterator[tuple[int, Described]]:
    metrics, temporalities = _words(table.column("f_metric")), _words(table.column("f_temporality"))
    maps = table.column("f_labels").combine_chunks()
    ends = maps.offsets.to_pylist()
    keys, values = _words(maps.keys), _words(maps.items)
    for place, series in enumerate(table.column("f_series").to_pylist()):
        part = slice(ends[place] - ends[0], ends[place + 1] - ends[0])
        labels = {NAME_LABEL: metrics[place], **dict(zip(keys[part], values[part], strict=True))}
        yield series, Described(labels, temporalities[place] == _DELTA)


def _words(column: pa.Array | pa.ChunkedArray) -> list[str]:
    """Texts, of which most occur often: each is made once."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    return [words[code] for code in coded.indices.to_pylist()]
