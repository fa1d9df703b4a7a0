"""RFC 3339 up to nanoseconds, both ways."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.timestamps import parse, render


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T19:00:00.5-05:00", 500_000_000),
        ("2024-02-29t12:00:00z", 1_709_208_000_000_000_000),
        ("2024-02-29 12:00:00Z", 1_709_208_000_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", (1 << 63) - 1),
    ],
)
def test_a_time_is_read_to_the_nanosecond(text: str, nanoseconds: int) -> None:
    assert parse(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00Z",
        "2024-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567891Z",
        "0000-01-01T00:00:00Z",
        "1899-12-31T23:59:59Z",
        "2262-04-11T23:47:16.854775808Z",
        "9999-12-31T23:59:59Z",
        "٢٠٢٤-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|no such|nanosecond|between"):
        parse(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (500_000_000, "1970-01-01T00:00:00.500Z"),
        (1_500_000, "1970-01-01T00:00:00.001500Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_written_with_as_few_digits_as_say_it(nanoseconds: int, text: str) -> None:
    assert render(nanoseconds) == text


@given(st.integers(min_value=-2_000_000_000_000_000_000, max_value=(1 << 63) - 1))
def test_what_is_written_reads_as_the_same_instant(nanoseconds: int) -> None:
    assert parse(render(nanoseconds)) == nanoseconds


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2262, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants bounds without a zone
def test_python_s_own_times_are_read_alike(time: datetime) -> None:
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse(time.isoformat()) == (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
