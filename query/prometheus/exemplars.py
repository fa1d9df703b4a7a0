"""/query_exemplars: which traces samples came from."""

from __future__ import annotations

from query.prometheus.answer import Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import bad_data
from query.prometheus.parameters import MAX_MS, MIN_MS
from query.prometheus.samples_text import value_text
from query.read.exemplars import ExemplarRow, exemplars
from query.source import Range

_MS = 1_000_000
_LATEST_MS = 2**63 // _MS - 1


async def query_exemplars(asked: Asked) -> Answer:
    """Of the series that any selector of an expression selects."""
    start, end = asked.parameters.time_ms("start", MIN_MS), asked.parameters.time_ms("end", MAX_MS)
    if end < start:
        raise bad_data("end timestamp must not be before start timestamp")
    between = Range(max(start, 0) * _MS, min(max(end, 0), _LATEST_MS) * _MS)
    found = await exemplars(asked.house.database, asked.tenant, asked.parameters.text("query"), between)
    return Answer.of(
        [{"seriesLabels": each.labels, "exemplars": [_exemplar(row) for row in each.rows]} for each in found]
    )


def _exemplar(row: ExemplarRow) -> dict[str, object]:
    labels = {name: value if isinstance(value, str) else str(value) for name, value in row.attributes.items()}
    if row.trace_id is not None:
        labels["trace_id"] = row.trace_id
    if row.span_id is not None:
        labels["span_id"] = row.span_id
    return {"labels": labels, "value": value_text(row.value), "timestamp": row.time / 1e9}
