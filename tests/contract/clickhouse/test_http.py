"""Plain HTTP: methods, headers, status codes, where the statement stands."""

from __future__ import annotations

import json

import pytest

from tests.contract.clickhouse.conftest import Http


def test_ping_says_ok(http: Http) -> None:
    answer = http("GET", "/ping")
    assert (answer.status, answer.data) == (200, b"Ok.\n")


def test_the_statement_may_be_in_the_url_or_in_the_body_or_in_both(http: Http) -> None:
    assert http("GET", query="SELECT 1").data == b"1\n"
    assert http("POST", body="SELECT 2").data == b"2\n"
    assert http("POST", query="SELECT", body="3").data == b"3\n"


def test_an_empty_statement_is_a_syntax_error(http: Http) -> None:
    assert http("POST", body=" -- nothing\n").status == 400


def test_answers_carry_their_id_format_time_zone_and_summary(http: Http) -> None:
    answer = http("POST", body="SELECT number FROM numbers(10) FORMAT JSONEachRow", query_id="my-id-1")
    assert answer.headers["X-ClickHouse-Query-Id"] == "my-id-1"
    assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert answer.headers["X-ClickHouse-Timezone"]
    assert answer.headers["X-ClickHouse-Server-Display-Name"]
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "10"


def test_a_request_without_an_id_is_given_one(http: Http) -> None:
    ids = {http("POST", body="SELECT 1").headers["X-ClickHouse-Query-Id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("SELECT * FROM no_such_table", 404, "60"),
        ("SELECT no_such_column", 404, "47"),
        ("SELECT noSuchFunction(1)", 404, "46"),
        ("SELECT * FROM no_such_database.t", 404, "81"),
        ("SELECT 1 FORMAT NoSuchFormat", 404, "73"),
        ("SELECT toDate('x')", 400, "38"),
        ("SELECT throwIf(1)", 500, "395"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("INSERT INTO no_such_table VALUES (1)", 404, "60"),
        ("DROP TABLE no_such_table", 404, "60"),
    ],
)
def test_errors_have_their_status_and_code(http: Http, sql: str, status: int, code: str) -> None:
    answer = http("POST", body=sql)
    assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.data.decode().startswith(f"Code: {code}. DB::Exception: ")


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE x (a UInt8) ENGINE = Memory", "DROP DATABASE nothing", "SET readonly = 0"]
)
def test_get_changes_nothing(http: Http, database: str, sql: str) -> None:
    answer = http("GET", query=sql, database=database)
    assert answer.status >= 400
    assert http("POST", body="SHOW TABLES", database=database).data == b""


def test_get_inserts_nothing(http: Http, database: str) -> None:
    http("POST", body="CREATE TABLE x (a UInt8) ENGINE = Memory", database=database)
    assert http("GET", query="INSERT INTO x VALUES (1)", database=database).status >= 400
    assert http("POST", body="SELECT count() FROM x", database=database).data == b"0\n"


def test_a_setting_cannot_lift_the_read_only_of_get(http: Http, database: str) -> None:
    assert http("GET", query="CREATE TABLE x (a UInt8) ENGINE = Memory", database=database, readonly="0").status >= 400


def test_a_result_cannot_be_sent_to_a_file_of_the_server(http: Http) -> None:
    answer = http("POST", body="SELECT 1 INTO OUTFILE '/tmp/otelhouse-must-not-exist' FORMAT CSV")
    assert answer.status >= 400


def test_credentials_are_accepted_in_headers(http: Http) -> None:
    assert (
        http("POST", body="SELECT 1", headers={"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""}).data == b"1\n"
    )


def test_the_default_format_is_that_of_the_request(http: Http) -> None:
    assert json.loads(http("GET", query="SELECT 1 AS x", default_format="JSONCompact").data)["data"] == [[1]]
    assert http("GET", query="SELECT 1 AS x FORMAT TSVWithNames", default_format="JSON").data == b"x\n1\n"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SHOW TABLES", b"t\n"),
        ("SHOW TABLES FORMAT JSONEachRow", b'{"name":"t"}\n'),
        ("EXISTS t", b"1\n"),
        ("DESCRIBE t FORMAT TSV", b"a\tUInt8\t\t\t\t\t\n"),
        ("SELECT 1 SETTINGS max_threads = 1", b"1\n"),
        ("SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", b"1\n"),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", b"1\n"),
        ("SELECT 1;", b"1\n"),
        ("SELECT 1 -- a comment at the end", b"1\n"),
        ("SELECT 'a FORMAT b' -- FORMAT CSV\n", b"a FORMAT b\n"),
        ("SELECT format('{}', 1) AS format", b"1\n"),
        ("(SELECT 1) UNION ALL (SELECT 1)", b"1\n1\n"),
        ("WITH 1 AS x SELECT x", b"1\n"),
        ("SELECT ';'", b";\n"),
        ("SELECT $$it's; FORMAT JSON$$", b"it\\'s; FORMAT JSON\n"),
    ],
)
def test_statements_of_every_kind_answer(http: Http, database: str, sql: str, expected: bytes) -> None:
    http("POST", body="CREATE TABLE t (a UInt8) ENGINE = Memory", database=database)
    assert http("POST", body=sql, database=database).data == expected


def test_explain_answers(http: Http) -> None:
    assert b"ReadFrom" in http("POST", body="EXPLAIN SELECT number FROM numbers(3)").data


def test_a_statement_may_be_longer_than_a_url(http: Http) -> None:
    numbers = ",".join(str(number) for number in range(40_000))
    answer = http("POST", body=f"SELECT length([{numbers}])", max_query_size="10000000")
    assert answer.data == b"40000\n"


def test_wait_end_of_query_turns_a_late_error_into_a_status(http: Http) -> None:
    late = "SELECT throwIf(number = 500000) FROM numbers(1000000)"
    assert http("POST", body=late, wait_end_of_query="1", max_block_size="1000").status == 500
