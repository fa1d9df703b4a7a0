"""The table of active series, beside a plain dict."""

from __future__ import annotations

import random

import numpy as np

from processor.metrics_rows.active import (
    AGAIN,
    KNOWN,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    NEW,
    OVER_ACTIVE,
    OVER_NEW,
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


def test_zero_is_a_series_like_any_other() -> None:
    active, many = ActiveSeries(), np.array([9])
    series, tenant = np.zeros(2, np.uint64), np.zeros(2, np.int32)
    assert active.admit(series, tenant, 0, many, many).tolist() == [NEW, KNOWN]
