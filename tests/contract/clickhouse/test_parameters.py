"""Server-side parameters: values never become SQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

HOSTILE = [
    "it's",
    "'; DROP TABLE t; --",
    "\\",
    "\\'",
    "a\tb\nc\rd\x00e",
    "{x:String}",
    "/* */ -- #",
    "`\"'$$",
    "é漢🎉",
    "\\N",
    "",
    " INTO OUTFILE '/dev/null' FORMAT CSV",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_unchanged(client: Client, text: str) -> None:
    assert client.query("SELECT {x:String} AS x", parameters={"x": text}).result_rows == [(text,)]


def test_hostile_text_is_found_where_it_was_stored(client: Client) -> None:
    client.command("CREATE TABLE t (s String) ENGINE = MergeTree ORDER BY s")
    client.insert("t", [[text] for text in HOSTILE], column_names=["s"])
    for text in HOSTILE:
        found = client.query("SELECT count() FROM t WHERE s = {x:String}", parameters={"x": text})
        assert found.result_rows == [(1,)], text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("UInt64", 2**64 - 1),
        ("Int64", -(2**63)),
        ("Float64", 1.5e-300),
        ("Bool", True),
        ("Array(String)", HOSTILE),
        ("Array(UInt64)", [1, 2, 2**63]),
        ("Date", date(2024, 2, 29)),
        ("DateTime64(9, 'UTC')", datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC)),
        ("UUID", UUID("12345678-1234-5678-1234-567812345678")),
        ("Nullable(String)", None),
        ("Tuple(String, UInt8)", ("x'", 3)),
    ],
)
def test_typed_parameters_keep_their_value(client: Client, kind: str, value: Any) -> None:
    got = client.query(f"SELECT toTypeName({{x:{kind}}}), {{x:{kind}}}", parameters={"x": value}).result_rows[0]
    assert got[0] == kind
    assert _utc(got[1]) == value


def test_an_identifier_parameter_names_a_table(client: Client) -> None:
    client.command("CREATE TABLE `odd name` (a UInt8) ENGINE = Memory")
    assert client.query("SELECT count() FROM {t:Identifier}", parameters={"t": "odd name"}).result_rows == [(0,)]


def test_parameters_too_long_for_a_url_go_as_a_form(client: Client) -> None:
    values = [f"{number}'\\\n" for number in range(20_000)]
    got = client.query("SELECT length({xs:Array(String)}), {xs:Array(String)}[20000]", parameters={"xs": values})
    assert got.result_rows == [(20_000, "19999'\\\n")]


def test_a_missing_parameter_is_an_error(client: Client) -> None:
    with pytest.raises(Exception, match=r"UNKNOWN_QUERY_PARAMETER|Substitution"):
        client.query("SELECT {x:String}")


def test_a_value_that_does_not_fit_its_type_is_an_error(client: Client) -> None:
    with pytest.raises(Exception, match="BAD_QUERY_PARAMETER"):
        client.query("SELECT {x:UInt8}", parameters={"x": "1; DROP"})


def _utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value
