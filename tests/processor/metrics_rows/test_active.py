"""The table of active series, beside a plain dict."""

from __future__ import annotations

import random

import numpy as np

from processor.metrics_rows.active import (
    AGAIN,
    AHEAD,
    AHEAD_MS,
    CONFLICTING,
    DUPLICATE,
    KNOWN,
    LATE,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    NEW,
    OVER_ACTIVE,
    OVER_NEW,
    RESET,
    ActiveSeries,
)


class Plain:
    """What ActiveSeries must say, one sample after another."""

    def __init__(self) -> None:
        self.hours: dict[int, int] = {}
        self.owner: dict[int, int] = {}
        self.new = [0, 0, 0]
        self.minute = -1

    def admit(self, series: int, tenant: int, log_ms: int, most_active: list[int], most_new: list[int]) -> int:
        hour = log_ms // MS_PER_HOUR
        if log_ms // MS_PER_MINUTE != self.minute:
            self.minute, self.new = log_ms // MS_PER_MINUTE, [0, 0, 0]
        self.hours = {key: seen for key, seen in self.hours.items() if seen >= hour - 1}
        if series in self.hours:
            again = self.hours[series] != hour
            self.hours[series] = hour
            return AGAIN if again else KNOWN
        if sum(self.owner[key] == tenant for key in self.hours) >= most_active[tenant]:
            return OVER_ACTIVE
        if self.new[tenant] >= most_new[tenant]:
            return OVER_NEW
        self.hours[series], self.owner[series] = hour, tenant
        self.new[tenant] += 1
        return NEW


def test_fates_are_those_of_a_plain_dict() -> None:
    rng, active, plain, now = random.Random(1), ActiveSeries(), Plain(), 5 * MS_PER_HOUR
    seen = set()
    for _ in range(120):
        now += rng.choice((0, 1000, MS_PER_MINUTE, MS_PER_HOUR // 3, MS_PER_HOUR))
        count = rng.choice((0, 3, 50))
        tenant = [rng.randrange(3) for _ in range(count)]
        series = [1 + 3 * rng.randrange(60) + owner for owner in tenant]
        most_active, most_new = [rng.choice((0, 5, 30)) for _ in range(3)], [rng.choice((0, 4, 100)) for _ in range(3)]
        found = active.admit(
            np.array(series, np.uint64), np.array(tenant, np.int32), now, np.array(most_active), np.array(most_new)
        ).tolist()
        assert found == [plain.admit(s, t, now, most_active, most_new) for s, t in zip(series, tenant, strict=True)]
        seen.update(found)
    assert seen == {KNOWN, AGAIN, NEW, OVER_ACTIVE, OVER_NEW}


def test_it_grows_and_forgets() -> None:
    active, many = ActiveSeries(), np.array([1 << 40])
    for hour in range(4):
        series = np.random.default_rng(hour).integers(1, 1 << 63, 30_000).astype(np.uint64)
        fates = active.admit(series, np.zeros(len(series), np.int32), hour * MS_PER_HOUR, many, many)
        assert (fates == NEW).all()
        again = active.admit(series, np.zeros(len(series), np.int32), hour * MS_PER_HOUR, many, many)
        assert (again == KNOWN).all()
        assert active.active.tolist() == [30_000 * min(hour + 1, 2)]


def test_what_is_out_of_the_ordinary_is_counted_as_one_sample_after_another_says() -> None:
    rng, active, now, many = random.Random(2), ActiveSeries(), 5 * MS_PER_HOUR, np.array([1 << 40] * 2)
    newest: dict[int, tuple[int, float]] = {}
    total = np.zeros((2, 5), np.int64)
    for turn in range(60):
        now += 60_000
        count = 4000 if turn == 3 else 40  # once so many that the table grows
        series = [1 + rng.randrange(50 if turn != 3 else 5_000) for _ in range(count)]
        tenant = [number % 2 for number in series]
        times = [now + rng.choice((-120_000, 0, 0, 1000, AHEAD_MS, AHEAD_MS + 1)) for _ in series]
        values = [rng.choice((1.0, 2.0, 3.0, float("nan"))) for _ in series]
        counter = [number % 3 == 0 for number in series]
        wanted = np.zeros((2, 5), np.int64)
        for key, owner, time, value, counts in zip(series, tenant, times, values, counter, strict=True):
            last, before = newest.get(key, (0, 0.0))
            if time > now + AHEAD_MS:
                wanted[owner, AHEAD] += 1
            elif time > last:
                wanted[owner, RESET] += last > 0 and counts and value < before
                newest[key] = time, value
            elif time < last:
                wanted[owner, LATE] += 1
            else:
                same = np.float64(value).tobytes() == np.float64(before).tobytes()
                wanted[owner, DUPLICATE if same else CONFLICTING] += 1
        columns = np.array(series, np.uint64), np.array(tenant, np.int32)
        active.admit(*columns, now, many, many)
        found = active.observe(*columns, np.array(times), np.array(values), np.array(counter), now)
        assert found.tolist() == wanted.tolist()
        total += found
    assert (total > 0).all()


def test_samples_of_series_that_were_refused_are_not_observed() -> None:
    active, none = ActiveSeries(), np.array([0])
    series, tenant = np.array([5, 5], np.uint64), np.zeros(2, np.int32)
    active.admit(series, tenant, 0, none, none)
    found = active.observe(series, tenant, np.array([1, 1]), np.ones(2), np.zeros(2, np.bool_), 0)
    assert found.sum() == 0


def test_zero_is_a_series_like_any_other() -> None:
    active, many = ActiveSeries(), np.array([9])
    series, tenant = np.zeros(2, np.uint64), np.zeros(2, np.int32)
    assert active.admit(series, tenant, 0, many, many).tolist() == [NEW, KNOWN]
