"""The series that a selector finds, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader

import numpy as np
import pyarrow as pa

from otelhouse.promql.selectors import NAME_LABEL, Selector
from query.database import Database
from query.plan.tree import Alias, Column, Expression, Select, any_of
from query.read.series import selects
from query.source import Days, source
from schema.arrays import U64, Mask

DELTA = "delta"
_FAR = 65_535  # ClickHouse's last day
_DAY_MS = 86_400_000
_AS_COLUMNS = {"output_format_arrow_low_cardinality_as_dictionary": 1, "output_format_arrow_string_as_string": 1}


@dataclass(frozen=True, slots=True)
class Matched:
    """Series by ascending id, each once; `labels` with `__name__`; `delta`: of delta temporality."""

    ids: U64
    metrics: list[str]
    labels: list[dict[str, str]]
    delta: Mask


def days_since(start_ms: int) -> Days:
    """Days of log time on which samples of a time, or of a later one, came.

    A sample comes after its own time, except where a clock goes wrong: one day is allowed for.
    """
    return Days(min(max(start_ms // _DAY_MS - 1, 0), _FAR), _FAR)


async def matched(
    database: Database, tenant: str, selectors: Sequence[Selector], days: Days, most: int, seconds: float
) -> Matched:
    """At most `most` series that any of the selectors finds. Raises QueryError."""
    select = Select(
        (
            Alias(Column("series"), "f_series"),
            Alias(Column("metric"), "f_metric"),
            Alias(Column("labels"), "f_labels"),
            Alias(Column("temporality"), "f_temporality"),
        ),
        source("series", tenant, days=days),
        where=(any_of(*map(selects, selectors)),),
        limit_by=(1, (Column("series"),)),
        limit=most,
    )
    limits = {**_AS_COLUMNS, "max_result_rows": most, "max_execution_time": seconds}
    found: Matched = await database.read(select, "ArrowStream", _matched, limits, seconds)
    return found


def ids_of(tenant: str, selector: Selector, days: Days) -> Expression:
    """The ids, as the right side of `in`."""
    chosen = source("series", tenant, days=days)
    return Select((Alias(Column("series"), "id"),), chosen, where=(selects(selector),))


def _matched(stream: BufferedReader) -> Matched:
    table = pa.ipc.open_stream(stream).read_all().combine_chunks()
    ids = table.column("f_series").to_numpy()
    order = np.argsort(ids)
    table = table.take(pa.array(order))
    metrics = _words(table.column("f_metric"))
    maps = table.column("f_labels").combine_chunks()
    ends = maps.offsets.to_numpy().tolist()
    keys, values = _words(maps.keys), _words(maps.items)
    labels = []
    for place, metric in enumerate(metrics):
        part = slice(ends[place] - ends[0], ends[place + 1] - ends[0])
        labels.append({NAME_LABEL: metric, **dict(zip(keys[part], values[part], strict=True))})
    delta = np.array([each == DELTA for each in _words(table.column("f_temporality"))], np.bool_)
    return Matched(ids[order], metrics, labels, delta)


def _words(column: pa.Array | pa.ChunkedArray) -> list[str]:
    """Texts, of which most occur often: each is made once."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    words = coded.dictionary.to_pylist()
    return [words[code] for code in coded.indices.to_pylist()]
