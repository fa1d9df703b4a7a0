"""/metadata: what metrics are."""

from __future__ import annotations

from query.prometheus.answer import Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import bad_data
from query.prometheus.parameters import integer
from query.read.metadata import metadata as read

_MOST = 100_000


async def metadata(asked: Asked) -> Answer:
    """Type, help and unit by family; `limit` families, `limit_per_metric` of each."""
    limit, each = _number(asked, "limit"), _number(asked, "limit_per_metric")
    found: dict[str, list[dict[str, str]]] = {}
    for row in await read(asked.house.database, asked.tenant, asked.parameters.text("metric"), _MOST):
        if limit > 0 and row.family not in found and len(found) >= limit:
            break
        known = found.setdefault(row.family, [])
        if each <= 0 or len(known) < each:
            known.append({"type": row.type, "help": row.help, "unit": row.unit})
    return Answer.of(found if limit else {})


def _number(asked: Asked, name: str) -> int:
    """-1: not given."""
    text = asked.parameters.text(name)
    if not text:
        return -1
    try:
        return integer(text)
    except ValueError:
        raise bad_data(f"{name} must be a number") from None
