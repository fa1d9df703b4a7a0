"""Values and times as Go writes them, whatever the double."""

from __future__ import annotations

import math
import random
import struct
from decimal import Decimal

import numpy as np
import pytest

from query.prometheus.parameters import duration_ms, time_ms
from query.prometheus.samples_text import rows_text, value_text


def _as_go(value: float) -> str:
    """strconv.FormatFloat(value, 'f', -1, 64), or 'e' where Prometheus takes that."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    exact = Decimal(repr(value))
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(exact, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, exponent = exact.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0")
    power = len(digits) - 1 + int(exponent)
    mantissa = shown[0] + ("." + shown[1:] if len(shown) > 1 else "")
    return f"{'-' * sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


EDGES = [
    0.0, -0.0, 1.0, -1.0, 1e6, 1e15, 1e16, 1e17, 1e20, 1e21, 1.5e21, 1e-5, 1.5e-5, 1e-6, 9.99e-7, 1e-7, -2.5e-9, 0.1,
    5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 2.0**53, 2.0**63, 1.2345678901234568e17, 123456789.125,
    math.nan, math.inf, -math.inf,
]  # fmt: skip


@pytest.mark.parametrize("value", EDGES)
def test_a_value_at_an_edge(value: float) -> None:
    assert value_text(value) == _as_go(value)


def test_values_by_chance_in_rows_of_any_length() -> None:
    dice = random.Random(3)
    values = [struct.unpack("<d", dice.randbytes(8))[0] for _ in range(20_000)]
    values += [dice.uniform(-1, 1) * 10.0 ** dice.randint(-9, 23) for _ in range(20_000)]
    values += [float(dice.randint(-(10**18), 10**18)) for _ in range(20_000)]
    ends = sorted([0, len(values), len(values), *(dice.randint(0, len(values)) for _ in range(50))])
    times = np.arange(len(values), dtype=np.int64) * 7 - 1_000
    rows = list(rows_text(np.array(ends, np.int64), times, np.array(values)))
    assert len(rows) == len(ends) - 1
    for row, start, end in zip(rows, ends[:-1], ends[1:], strict=True):
        points = (f'[{_seconds(int(times[at]))},"{_as_go(values[at])}"]' for at in range(start, end))
        assert row.decode() == ",".join(points)


def _seconds(milliseconds: int) -> str:
    whole, rest = divmod(abs(milliseconds), 1000)
    return ("-" if milliseconds < 0 else "") + str(whole) + (f".{rest:03d}" if rest else "")


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0"), (1, "0.001"), (1010, "1.010"), (-5, "-0.005"), (1_750_000_000_500, "1750000000.500")],
)
def test_a_time_has_three_decimals_or_none(milliseconds: int, text: str) -> None:
    (written,) = rows_text(np.array([0, 1], np.int64), np.array([milliseconds], np.int64), np.zeros(1))
    assert written == f'[{text},"0"]'.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("1.5", 1500), ("-1.5", -1500), ("1.0004", 1000), ("1.0006", 1001), ("1e3", 1_000_000),
        ("2025-06-15T15:06:40Z", 1_750_000_000_000),
        ("2025-06-15T17:06:40.25+02:00", 1_750_000_000_250),
    ],
)  # fmt: skip
def test_a_time_is_read_in_either_form(text: str, expected: int) -> None:
    assert time_ms(text) == expected


@pytest.mark.parametrize("text", ["", "x", "NaN", "Inf", "1 ", "0x10", "2025-06-15", "1m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="to a valid timestamp"):
        time_ms(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("15", 15_000), ("0.25", 250), ("1h30m", 5_400_000), ("1d", 86_400_000), ("100ms", 100), ("1w2d", 9 * 86_400_000)],
)
def test_a_duration_is_read_in_either_form(text: str, expected: float) -> None:
    assert duration_ms(text) == expected


@pytest.mark.parametrize("text", ["", "x", "5mm", "m5", "1m1h", "-5m", "NaN", "1e30"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="to a valid duration"):
        duration_ms(text)
