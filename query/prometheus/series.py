"""/series, /labels, /label/NAME/values: which series there are."""

from __future__ import annotations

import re

import promql_parser

from otelhouse.promql.errors import PromQLError
from otelhouse.promql.parsing import parse
from otelhouse.promql.selectors import Selector, selector
from query.prometheus.answer import TRUNCATED, Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import bad_data, invalid_parameter
from query.prometheus.parameters import MAX_MS, MIN_MS
from query.read.label_sets import Wanted, label_names, label_sets, label_values

_MOST = 500_000
"""Items of an answer for which no limit is given."""
_NO_MATCHER = "match[] must contain at least one non-empty matcher"
_ESCAPED = re.compile(r"_(_|[0-9A-Fa-f]{1,6}_)", re.ASCII)


async def series(asked: Asked) -> Answer:
    """The labels of each."""
    if not asked.parameters.all("match[]"):
        raise bad_data("no match[] parameter provided")
    limit, wanted = asked.parameters.limit(), _wanted(asked)
    found = await label_sets(asked.house.database, asked.tenant, wanted, asked.house.now_ms, (limit or _MOST) + 1)
    return _limited(found, limit)


async def labels(asked: Asked) -> Answer:
    """Their names."""
    limit, wanted = asked.parameters.limit(), _wanted(asked)
    found = await label_names(asked.house.database, asked.tenant, wanted, asked.house.now_ms, (limit or _MOST) + 1)
    return _limited(found, limit)


async def values(asked: Asked) -> Answer:
    """Of one label."""
    name = unescaped(asked.path["name"])
    limit, wanted = asked.parameters.limit(), _wanted(asked)
    found = await label_values(
        asked.house.database, asked.tenant, name, wanted, asked.house.now_ms, (limit or _MOST) + 1
    )
    return _limited(found, limit)


def unescaped(name: str) -> str:
    """A name of any characters as it stands in a path: `U__a_2e_b` is a.b; what is not of this form is as it is."""
    if not name.startswith("U__"):
        return name
    text = name[3:]
    try:
        made = _ESCAPED.sub(lambda found: "_" if found[1] == "_" else chr(int(found[1][:-1], 16)), text)
        made.encode()
    except (ValueError, OverflowError):
        return name
    return name if "_" in _ESCAPED.sub("", text) else made


def _wanted(asked: Asked) -> Wanted:
    start, end = asked.parameters.time_ms("start", MIN_MS), asked.parameters.time_ms("end", MAX_MS)
    return Wanted([_selector(text) for text in asked.parameters.all("match[]")], start, end)


def _selector(text: str) -> Selector:
    try:
        parsed = parse(text)
        if not isinstance(parsed.expression, promql_parser.VectorSelector) or _is_timed(parsed.expression):
            raise PromQLError("parse error: a selector of series is needed, and nothing else")
        return selector(parsed.expression, parsed)
    except PromQLError as error:
        message = _NO_MATCHER if "non-empty matcher" in str(error) else str(error)
        raise invalid_parameter("match[]", message) from None


def _is_timed(found: promql_parser.VectorSelector) -> bool:
    return found.offset is not None or found.at is not None


def _limited(found: list[str] | list[dict[str, str]], limit: int) -> Answer:
    if limit and len(found) > limit:
        return Answer.of(found[:limit], [TRUNCATED])
    return Answer.of(found[:_MOST], [TRUNCATED] if len(found) > _MOST else [])
