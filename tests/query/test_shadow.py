"""Answers made of recorded points, compared with those that are not."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from otelhouse.clock import SystemClock
from otelhouse.config import PromQLSettings
from otelhouse.promql.engine import Result
from otelhouse.promql.settings import Steps
from otelhouse.promql.tree import Type
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import Kind
from query.database import Database
from query.metrics import COMPARED, LARGEST_ERROR, RECORDED_STEPS
from query.promql.run import Expressions
from query.promql.shadow import difference
from tests.query.house import House
from tests.support.dashboard import RULES, T0, windows
from tests.support.recorded import store

NAN, INF = math.nan, math.inf


def result(values: list[list[float]], *labels: str, present: list[list[bool]] | None = None) -> Result:
    there = np.ones((len(labels), len(values[0])), np.bool_) if present is None else np.array(present)
    return Result(Type.MATRIX, [{"a": each} for each in labels], np.array(values), there)


@pytest.mark.parametrize(
    ("left", "right", "error"),
    [
        (result([[1.0, NAN, INF]], "x"), result([[1.0, NAN, INF]], "x"), 0.0),
        (result([[1.0], [2.0]], "x", "y"), result([[2.0], [1.0]], "y", "x"), 0.0),
        (result([[4.0]], "x"), result([[5.0]], "x"), 0.2),
        (result([[0.0]], "x"), result([[1e-300]], "x"), 1.0),
        (result([[NAN]], "x"), result([[1.0]], "x"), INF),
        (result([[1.0]], "x"), result([[1.0]], "y"), INF),
        (result([[1.0]], "x"), result([[1.0], [1.0]], "x", "y"), INF),
        (result([[1.0, 9.0]], "x", present=[[True, False]]), result([[1.0, 8.0]], "x", present=[[True, False]]), 0.0),
        (result([[1.0, 9.0]], "x", present=[[True, False]]), result([[1.0, 9.0]], "x"), INF),
    ],
)
def test_the_difference_is_relative_and_infinite_where_only_one_has_a_value(
    left: Result, right: Result, error: float
) -> None:
    assert difference(left, right) == error


@pytest.mark.parametrize("damaged", [False, True])
def test_a_share_of_queries_is_answered_once_more(house: House, damaged: bool) -> None:
    tenant, rules = house.tenant().name, MemoryRules()
    store(house.settings, tenant, RULES, windows(3, 12, tenant))
    rules.apply(Kind.RECORDING, tenant, RULES)
    database = house.settings.clickhouse.database
    if damaged:
        house.client.command(f"ALTER TABLE {database}.samples DELETE WHERE tenant = '{tenant}'", settings=_NOW)
    text, at = "sum by (job) (rate(http_requests_total[5m]))", Steps(T0 + 420_000, T0 + 660_000, 60_000)
    before = {how: COMPARED.labels(how)._value.get() for how in ("equal", "different")}
    read = RECORDED_STEPS.labels("read")._value.get()

    async def ask() -> None:
        database = Database(house.settings.clickhouse)
        expressions = Expressions(database, SystemClock(), PromQLSettings(shadow_share=1.0), rules)
        await expressions.run(tenant, text, at)
        await asyncio.gather(*expressions._comparing)
        database.close()

    asyncio.run(ask())
    outcome = "different" if damaged else "equal"
    assert COMPARED.labels(outcome)._value.get() == before[outcome] + 1
    assert RECORDED_STEPS.labels("read")._value.get() == read + 5
    assert (LARGEST_ERROR._value.get() == INF) == damaged


_NOW = {"mutations_sync": 2}
