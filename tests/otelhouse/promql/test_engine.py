"""What is read, what is refused, and what Prometheus has nothing of: series of delta temporality."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from otelhouse.promql.engine import Result, evaluate
from otelhouse.promql.errors import ExecutionError, PromQLError, QueryTooLarge
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.storage import Samples
from otelhouse.promql.tree import Type
from tests.otelhouse.promql.memory import MemoryStorage, Series

MINUTE = 60_000
T = 1_764_000_000_000


def counter(name: str, delta: bool = False, **labels: str) -> Series:
    times = [T + i * 15_000 for i in range(21)]
    return Series({"__name__": name, **labels}, times, np.full(21, 3.0) if delta else np.arange(21) * 3.0, delta)


STORAGE = [counter("a_total", i=str(i)) for i in range(4)] + [counter("d_total", True, i="0"), counter("b_total")]


def run(query: str, at: Steps, storage: MemoryStorage | None = None, settings: Settings | None = None) -> Result:
    return asyncio.run(evaluate(query, storage or MemoryStorage(STORAGE), at, settings or Settings()))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("rate(d_total[1m])", 12 / 60),
        ("increase(d_total[1m])", 12),
        ("irate(d_total[1m])", 12 / 60),
        ("increase(d_total[15s])", 3),  # one sample will do
        ("increase(d_total[1m] offset 1m)", 12),
        ("delta(d_total[1m])", 0),  # all else sees raw points
        ("sum_over_time(d_total[1m])", 12),
        ("resets(d_total[1m])", 0),
        ("d_total", 3),
        ("increase(b_total[1m])", 12),
    ],
)
def test_rates_of_delta_series_are_sums_over_the_window(query: str, value: float) -> None:
    result = run(query, Steps.at(T + 5 * MINUTE))
    assert result.values[0, 0] == pytest.approx(value)


def test_delta_and_cumulative_series_of_one_selector_are_told_apart() -> None:
    storage = MemoryStorage([counter("m_total", True, i="0"), counter("m_total", i="1")])
    result = run("increase(m_total[1m])", Steps(T + 2 * MINUTE, T + 5 * MINUTE, MINUTE), storage)
    assert result.values == pytest.approx(np.full((2, 4), 12.0))


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("a_total", [(-5, 10)]),
        ("a_total + a_total", [(-5, 10)]),
        ("rate(a_total[5m]) / rate(a_total[1m])", [(-5, 10)]),
        ("rate(a_total[5m] offset 2m) / rate(a_total[1m])", [(-7, 10)]),
        ("a_total - a_total offset 1d", [(-1445, -1430), (-5, 10)]),
        ("a_total @ 0", [(-T // MINUTE - 5, -T // MINUTE)]),
        ("a_total @ end()", [(5, 10)]),
        ("sum_over_time(a_total[1m:1h] @ 1764001805)", []),  # of which no step is in the window
        ("sum_over_time(a_total[10m:1m])", [(-14, 10)]),
        ("sum_over_time(rate(a_total[2m])[10m:1m] offset 3m)", [(-14, 7)]),
    ],
)
def test_each_selector_is_read_once_for_the_times_it_needs(query: str, reads: list[tuple[int, int]]) -> None:
    storage = MemoryStorage(STORAGE)
    run(query, Steps(T, T + 10 * MINUTE, MINUTE), storage)
    assert [((start - T) // MINUTE, (end - T) // MINUTE) for _, start, end in storage.reads] == reads


def test_what_occurs_twice_is_evaluated_once() -> None:
    result = run("rate(a_total[1m]) / rate(a_total[1m])", Steps(T + MINUTE, T + 5 * MINUTE, MINUTE))
    assert result.values == pytest.approx(np.ones((4, 5)))


@pytest.mark.parametrize(
    ("query", "settings", "why"),
    [
        ("a_total", Settings(max_steps=10), "11 steps, 10 are allowed.*longer step"),
        ("a_total", Settings(max_series=3), "4 series, 3 are allowed.*matchers"),
        ("a_total", Settings(max_samples=10), "more than 10 samples"),
        ("a_total", Settings(max_cells=40), "4 series of 11 steps, 40 points"),
        ("rate(a_total[1m])", Settings(max_cells=40), "4 series of 11 steps"),
        ("sum_over_time(vector(1)[1d:1s])", Settings(max_cells=40_000), "steps"),
        ("a_total * on() group_left a_total offset 1h", Settings(max_cells=44), ""),
        ('count_values("v", a_total)', Settings(max_cells=60), "count_values finds"),
        ("a_total and a_total", Settings(max_cells=44), ""),
    ],
)
def test_limits_say_what_to_narrow(query: str, settings: Settings, why: str) -> None:
    if not why:
        run(query, Steps(T, T + 10 * MINUTE, MINUTE), settings=settings)
        return
    with pytest.raises(QueryTooLarge, match=why):
        run(query, Steps(T, T + 10 * MINUTE, MINUTE), settings=settings)


def test_a_query_that_nobody_waits_for_ends() -> None:
    async def cancel() -> None:
        task = asyncio.create_task(evaluate("a_total", MemoryStorage(STORAGE), Steps.at(T), Settings()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


def test_steps_that_end_before_they_start_are_refused() -> None:
    with pytest.raises(PromQLError, match="before start"):
        run("1", Steps(T, T - 1, MINUTE))


def test_types_of_results() -> None:
    at = Steps.at(T + MINUTE)
    assert run("1", at).type is Type.SCALAR
    assert run('"x"', at).text == "x"
    assert run("a_total", at).type is Type.VECTOR
    matrix = run("a_total[1m]", at)
    assert matrix.type is Type.MATRIX
    assert matrix.samples is not None
    assert matrix.samples.offsets.tolist() == [0, 4, 8, 12, 16]
    assert ((matrix.samples.times - T) // 15_000).tolist() == [1, 2, 3, 4] * 4
    for query in ("a_total[1m]", '"x"', "a_total[5m:1m]"):
        with pytest.raises(PromQLError, match="range query"):
            run(query, Steps(T, T + MINUTE, MINUTE))


def test_columns_of_a_storage_may_be_read_only() -> None:
    class ReadOnly(MemoryStorage):
        async def select(self, *wanted: object) -> Samples:  # type: ignore[override] # passes on what it gets
            found = await super().select(*wanted)  # type: ignore[arg-type] # the same
            for column in (found.offsets, found.times, found.values, found.delta):
                column.flags.writeable = False
            return found

    queries = (
        "a_total", "sum(rate(a_total[1m]))", "max_over_time(a_total[1m])", "quantile_over_time(0, a_total[1m])",
        "histogram_quantile(0.5, a_total)", "topk(1, a_total)", "deriv(a_total[1m])", "avg_over_time(a_total[1m])",
    )  # fmt: skip
    for query in queries:
        run(query, Steps(T, T + MINUTE, MINUTE), ReadOnly(STORAGE))


def test_rows_of_a_range_query_are_in_the_order_of_their_labels() -> None:
    storage = MemoryStorage([counter("z_total", i="2"), counter("z_total", i="1"), counter("z_total")])
    result = run("z_total", Steps(T, T + MINUTE, MINUTE), storage)
    assert [each.get("i") for each in result.labels] == [None, "1", "2"]


def test_a_wrong_query_reads_nothing() -> None:
    storage = MemoryStorage(STORAGE)
    with pytest.raises(PromQLError):
        run("sum(a_total) by", Steps.at(T), storage)
    with pytest.raises(ExecutionError):
        run("topk(NaN, a_total)", Steps.at(T), storage)
    assert len(storage.reads) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1790110, 1799290, 1808471, 1817652], 612.0444444444444),
        ([2375135, 2387319, 2399504, 2411688], 812.2888888888888),
        ([123220, 123855, 124489, 125122], 42.26666666666666),
    ],
)
def test_a_rate_is_the_one_of_prometheus_to_its_last_digit(values: list[float], expected: float) -> None:
    """Recorded from Prometheus 3.5.3: by its last digit, one of two series that are about equal is in topk."""
    series = Series({"__name__": "c_total"}, [T + 3_000 + i * 15_000 for i in range(4)], np.array(values, np.float64))
    found = run("rate(c_total[1m])", Steps.at(T + MINUTE), MemoryStorage([series]))
    assert found.values.item() == expected
