"""No read without its tenant, and no client's word in the text of SQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from query.plan.sql import PlanError, statement
from query.plan.tree import (
    Alias,
    Call,
    Column,
    Expression,
    Lambda,
    Number,
    Order,
    Param,
    Select,
    Source,
    all_of,
    any_of,
    call,
    equals,
    negated,
    text,
)
from query.source import Days, Range, source

OURS = equals(Column("tenant"), text("acme"))
HOSTILE = "'; DROP TABLE spans; -- {p0:String} `\\"


def _select(source: Source, *where: Expression) -> Select:
    return Select((Alias(Column("name"), "n"),), source, where=where)


@pytest.mark.parametrize(
    "predicate",
    [
        Number(1),
        equals(Column("service"), text("acme")),
        equals(Column("tenant"), text("")),
        equals(Column("tenant"), Column("tenant")),
        call("notEquals", Column("tenant"), text("acme")),
        any_of(OURS, Number(1)),
        negated(OURS),
        equals(Column("tenant"), Param("Array(String)", ["acme"])),
        call("in", Column("tenant"), text("acme")),
    ],
)
def test_a_source_that_does_not_name_its_tenant_is_refused(predicate: Expression) -> None:
    with pytest.raises(PlanError, match="a read of spans does not name its tenant"):
        statement(_select(Source("spans", predicate)))


def test_a_sub_query_that_does_not_name_its_tenant_is_refused_at_any_depth() -> None:
    inner = _select(Source("resources", Number(1)))
    hidden = call("arrayExists", Lambda("m", any_of(Number(0), call("in", Column("resource"), inner))), Column("x"))
    with pytest.raises(PlanError, match="a read of resources"):
        statement(_select(Source("spans", OURS), negated(hidden)))


@pytest.mark.parametrize(
    "table", ["spans", "logs", "trace_index", "samples", "exemplars", "series", "series_seen", "resources"]
)
def test_every_source_names_its_tenant(table: str) -> None:
    printed = statement(_select(source(table, "acme")))
    assert printed.sql == f"SELECT name AS n FROM {table} WHERE equals(tenant, {{p0:String}})"
    assert printed.parameters == {"p0": "acme"}


def test_a_range_prunes_by_the_rows_that_touch_it() -> None:
    printed = statement(_select(source("trace_index", "acme", Range(5, 9), Days(1, 2))))
    assert "greaterOrEquals(max_time, fromUnixTimestamp64Nano({p1:Int64}, {p2:String}))" in printed.sql
    assert "lessOrEquals(min_time, fromUnixTimestamp64Nano({p3:Int64}, {p4:String}))" in printed.sql
    assert "greaterOrEquals(day, toDate(1)), lessOrEquals(day, toDate(2))" in printed.sql
    assert printed.parameters == {"p0": "acme", "p1": 5, "p2": "UTC", "p3": 9, "p4": "UTC"}


def test_there_is_no_table_but_ours_and_no_range_without_time() -> None:
    with pytest.raises(KeyError):
        source("system.users", "acme")
    with pytest.raises(ValueError, match="no time of their own"):
        source("series", "acme", Range(1, 2))


def test_values_are_parameters_and_never_text() -> None:
    select = _select(source("spans", HOSTILE), equals(Column("name"), text(HOSTILE)))
    printed = statement(replace(select, limit=3, offset=2, order_by=(Order(Column("name"), descending=True),)))
    assert printed.sql == (
        "SELECT name AS n FROM spans WHERE equals(tenant, {p0:String}) AND equals(name, {p1:String}) "
        "ORDER BY name DESC LIMIT 3 OFFSET 2"
    )
    assert printed.parameters == {"p0": HOSTILE, "p1": HOSTILE}


@pytest.mark.parametrize(
    "expression",
    [
        Column(HOSTILE),
        Column("name, tenant"),
        Call(HOSTILE, ()),
        Lambda(HOSTILE, Number(1)),
        Param("String} OR 1", "x"),
        Column(""),
    ],
)
def test_a_name_or_type_that_could_carry_sql_is_refused(expression: Expression) -> None:
    with pytest.raises(PlanError, match="not a"):
        statement(_select(Source("spans", all_of(OURS)), expression))
