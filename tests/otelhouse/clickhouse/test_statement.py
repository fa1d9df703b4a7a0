"""Where statements end and data begins."""

from __future__ import annotations

import contextlib
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelhouse.clickhouse_server.errors import ServerError
from otelhouse.clickhouse_server.statement import Kind, parse, tokens


@pytest.mark.parametrize(
    ("text", "head", "form", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x00\xff", b"INSERT INTO t ", "Native", b"\x00\xff"),
        (b"INSERT INTO t FORMAT CSV \r\n1\n", b"INSERT INTO t ", "CSV", b"1\n"),
        (b"INSERT INTO t FORMAT TSV\n\n1\n", b"INSERT INTO t ", "TSV", b"\n1\n"),
        (b"INSERT INTO t FORMAT RowBinary", b"INSERT INTO t ", "RowBinary", b""),
        (b"insert into t (a, b) values (1, 'FORMAT x')", b"insert into t (a, b) ", "Values", b" (1, 'FORMAT x')"),
        (b"INSERT INTO `a FORMAT b` FORMAT TSV\n1", b"INSERT INTO `a FORMAT b` ", "TSV", b"1"),
        (b"INSERT INTO values FORMAT TSV\n1", b"INSERT INTO values ", "TSV", b"1"),
        (b"INSERT INTO db.format VALUES (1)", b"INSERT INTO db.format ", "Values", b" (1)"),
        (b"INSERT INTO t /* FORMAT CSV */ FORMAT TSV\n1", b"INSERT INTO t /* FORMAT CSV */ ", "TSV", b"1"),
        (b"INSERT INTO t SETTINGS a = 1 FORMAT TSV\n", b"INSERT INTO t SETTINGS a = 1 ", "TSV", b""),
        (b"INSERT INTO FUNCTION null('x A') VALUES (1)", b"INSERT INTO FUNCTION null('x A') ", "Values", b" (1)"),
        (b"-- first\nINSERT INTO t FORMAT TSV\n'", b"-- first\nINSERT INTO t ", "TSV", b"'"),
    ],
)  # fmt: skip
def test_an_insert_is_divided_from_its_data(text: bytes, head: bytes, form: str, data: bytes) -> None:
    statement = parse(text)
    assert (statement.kind, statement.text, statement.format, statement.data) == (Kind.INSERT, head, form, data)


@pytest.mark.parametrize(
    "text",
    [b"INSERT INTO t SELECT 1", b"INSERT INTO t (a) WITH 1 AS x SELECT x", b"INSERT INTO t SELECT * FROM values"],
)
def test_an_insert_from_a_query_has_no_data(text: bytes) -> None:
    assert parse(text).kind is Kind.OTHER


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"SELECT 1", Kind.SELECT),
        (b" \n -- x\n /* y */ select 1", Kind.SELECT),
        (b"WITH x AS (SELECT 1) SELECT * FROM x", Kind.SELECT),
        (b"(SELECT 1) UNION ALL SELECT 2", Kind.SELECT),
        (b"FROM t SELECT a", Kind.SELECT),
        (b"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Kind.OTHER),
        (b"SHOW TABLES", Kind.OTHER),
        (b"CREATE TABLE t (a UInt8) ENGINE = Memory", Kind.OTHER),
        (b"KILL QUERY WHERE query_id = 'x'", Kind.KILL),
        (b"KILL MUTATION WHERE table = 'x'", Kind.OTHER),
        (b"SET max_threads = 1", Kind.STATE),
        (b"USE db", Kind.STATE),
        (b"CREATE TEMPORARY TABLE t (a UInt8)", Kind.STATE),
    ],
)
def test_the_kind_is_that_of_the_first_words(text: bytes, kind: Kind) -> None:
    assert parse(text).kind is kind


@pytest.mark.parametrize(
    ("text", "into"),
    [
        (b"SELECT 1", b"SELECT 1\nINTO OUTFILE '/p' APPEND FORMAT TSV"),
        (b"SELECT 1; ", b"SELECT 1\nINTO OUTFILE '/p' APPEND FORMAT TSV"),
        (b"SELECT 1 -- x", b"SELECT 1 -- x\nINTO OUTFILE '/p' APPEND FORMAT TSV"),
        (b"SELECT 1 FORMAT CSV", b"SELECT 1 \nINTO OUTFILE '/p' APPEND\nFORMAT CSV"),
        (
            b"SELECT 1 format CSV SETTINGS max_threads = 1",
            b"SELECT 1 \nINTO OUTFILE '/p' APPEND\nformat CSV SETTINGS max_threads = 1",
        ),
        (b"SELECT format FROM t", b"SELECT format FROM t\nINTO OUTFILE '/p' APPEND FORMAT TSV"),
        (b"SELECT format('{}', 1)", b"SELECT format('{}', 1)\nINTO OUTFILE '/p' APPEND FORMAT TSV"),
        (b"SELECT (SELECT 1 AS format)", b"SELECT (SELECT 1 AS format)\nINTO OUTFILE '/p' APPEND FORMAT TSV"),
    ],
)
def test_the_result_is_sent_into_the_pipe(text: bytes, into: bytes) -> None:
    assert parse(text).into_file("/p", "TSV") == into


def test_an_inserts_data_comes_from_the_pipe() -> None:
    plain = parse(b"INSERT INTO t (a) VALUES (1)").from_file("/p")
    assert plain == b"INSERT INTO t (a) \nFROM INFILE '/p'\n FORMAT Values"
    with_settings = parse(b"INSERT INTO t SETTINGS a = 1 FORMAT TSV\n1").from_file("/p")
    assert with_settings == b"INSERT INTO t \nFROM INFILE '/p'\nSETTINGS a = 1  FORMAT TSV"


def test_data_is_not_read_from_a_file() -> None:
    with pytest.raises(ServerError, match="FROM INFILE"):
        parse(b"INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString")


@pytest.mark.parametrize("text", [b"/*", b"'", b'"', b"`", b"$a$", b"$a$b$c", b"''", b"'\\", b"(", b"--", b"/**"])
def test_hostile_text_is_read_in_linear_time(text: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(ServerError):
        parse(b"SELECT " + text * (300_000 // len(text)))
    assert time.process_time() - began < 5


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_their_end(text: bytes) -> None:
    found = list(tokens(text))
    assert all(left.end <= right.start for left, right in pairwise(found))
    with contextlib.suppress(ServerError):
        parse(text)


@pytest.mark.parametrize("text", [b"", b"  ", b"-- only a comment", b"/* x */"])
def test_nothing_is_no_statement(text: bytes) -> None:
    with pytest.raises(ServerError, match="Empty query"):
        parse(text)


@pytest.mark.parametrize("text", [b"SELECT 1; SELECT 2", b"SELECT 1;;", b"SELECT 1; DROP TABLE t"])
def test_two_statements_are_refused(text: bytes) -> None:
    with pytest.raises(ServerError, match="Multi-statements"):
        parse(text)


@pytest.mark.parametrize("text", [b"SELECT 1 INTO OUTFILE 'x'", b"SELECT 1 into/**/outfile 'x' FORMAT CSV"])
def test_a_result_is_not_sent_to_a_file(text: bytes) -> None:
    with pytest.raises(ServerError, match="INTO OUTFILE"):
        parse(text)
