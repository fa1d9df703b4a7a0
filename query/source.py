"""The only way to read: a table, for one tenant, in one range of time.

The tenant's predicate stands here and nowhere else; the printer of SQL refuses a source without it.
Later tiers (Parquet of closed days) will come in here too, and no caller will see it.
"""

from __future__ import annotations

from dataclasses import dataclass

from query.plan.tree import Call, Column, Expression, Number, Param, Source, all_of, call, equals, text

# First and last column of event time by which rows of a table are pruned; none where rows have no time of their own.
_TIMES = {
    "spans": ("time", "time"),
    "logs": ("time", "time"),
    "samples": ("time", "time"),
    "series_seen": ("time", "time"),
    "series_refused": ("time", "time"),
    "ha_replicas": ("time", "time"),
    "histograms": ("time", "time"),
    "exemplars": ("time", "time"),
    "recorded": ("time", "time"),
    "recorded_until": None,
    "trace_index": ("min_time", "max_time"),
    "decisions": ("decided", "decided"),
    "red": ("time", "time"),
    "red_exemplars": ("time", "time"),
    "service_edges": ("time", "time"),
    "series": None,
    "resources": None,
}
_LAST_DAY = 65_535  # of ClickHouse's Date
_DAY_MS = 86_400_000
# Sorted by the minute before the time: ClickHouse does not see by itself that a range of time is one of minutes.
_BY_MINUTE = {"spans"}


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` to `end`, both included, in nanoseconds since the epoch."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1e9


@dataclass(frozen=True, slots=True)
class Days:
    """Days of log time, both included, as days since the epoch: what partitions are cut by."""

    first: int
    last: int


def source(table: str, tenant: str, range: Range | None = None, days: Days | None = None) -> Source:
    """A table's rows of this tenant; with `range`, those whose event time touches it; with `days`, of these days.

    Raises KeyError for a table that is not ours and ValueError for a range on a table without event time.
    """
    times = _TIMES[table]
    conditions: list[Expression] = [equals(Column("tenant"), text(tenant))]
    if days is not None:
        conditions.append(call("greaterOrEquals", Column("day"), _day(days.first)))
        conditions.append(call("lessOrEquals", Column("day"), _day(days.last)))
    if range is not None:
        if times is None:
            raise ValueError(f"rows of {table} have no time of their own")
        first, last = times
        conditions.append(call("greaterOrEquals", Column(last), instant(range.start)))
        conditions.append(call("lessOrEquals", Column(first), instant(range.end)))
        if table in _BY_MINUTE:
            minute = call("toStartOfMinute", Column(first))
            conditions.append(call("greaterOrEquals", minute, call("toStartOfMinute", instant(range.start))))
            conditions.append(call("lessOrEquals", minute, call("toStartOfMinute", instant(range.end))))
    return Source(table, all_of(*conditions))


def instant(nanoseconds: int) -> Call:
    """A point in time as ClickHouse's DateTime64(9)."""
    return call("fromUnixTimestamp64Nano", Param("Int64", nanoseconds), text("UTC"))


def nanoseconds(time: Expression) -> Call:
    """A DateTime64(9) as nanoseconds since the epoch."""
    return call("toUnixTimestamp64Nano", time)


def days_since(start_ms: int) -> Days:
    """Days of log time on which samples of a time, or of a later one, came.

    A sample comes after its own time, except where a clock goes wrong: one day is allowed for.
    """
    return Days(min(max(start_ms // _DAY_MS - 1, 0), _LAST_DAY), _LAST_DAY)


def _day(days: int) -> Call:
    return call("toDate", Number(days))
