"""Cutting a partition's records into windows, by log time and by size. Pure: a function of the log alone.

A window begins at its first data record. It ends before the first record whose log time is `span_ms` or more
after its start, or after the record that brings it to `rows` rows or `value_bytes` bytes. Control records move log
time; one that finds no window open is a window of its own, so that what waits for its time, or for a rule, goes on. A
window whose limits name an `until` ends there and for no other reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.config import ProcessorSettings
from schema.record import Framing, RuleChange, Votes, block_number
from schema.signal import Signal

MS_PER_DAY = 86_400_000
EDGE_MS = 10_000
BUFFER_BYTES = 512 << 20

# A histogram's bucket takes 16 bytes on the wire and becomes a row, so bytes keep a block of samples under
# half a million rows; a block of spans or logs is bounded for the sake of memory only.
_VALUE_BYTES = {Signal.TRACES: 32 << 20, Signal.METRICS: 8 << 20, Signal.LOGS: 32 << 20}


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a window, whichever comes first: milliseconds of log time, OTLP items, bytes of record values.

    Or, alone, an offset: `until`, unless it is 0. `partitions`: of the topic, over which a tenant's limits are split;
    `edge_ms`: log time that a request waits for its other side; `buffer_bytes`: what traces that wait may hold, in all
    partitions.
    """

    span_ms: int
    rows: int
    value_bytes: int
    until: int = 0
    partitions: int = 1
    edge_ms: int = EDGE_MS
    buffer_bytes: int = BUFFER_BYTES

    @classmethod
    def of(cls, signal: Signal, settings: ProcessorSettings, partitions: int) -> Limits:
        """Limits for a signal's partitions from the operator's settings."""
        return cls(
            span_ms=max(1, round(settings.window_seconds * 1000)),
            rows=settings.window_rows,
            value_bytes=_VALUE_BYTES[signal],
            partitions=partitions,
            edge_ms=round(settings.edge_seconds * 1000),
            buffer_bytes=settings.buffer_bytes,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A data record of a window, and log time at it. `fault`: why its headers are unusable (then no `framing`)."""

    record: Record
    log_ms: int
    framing: Framing | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A control record that says more than the time, and log time at it."""

    offset: int
    log_ms: int
    said: RuleChange | Votes


@dataclass(frozen=True, slots=True)
class Window:
    """A completed window: data records and changes of [start, end), in order.

    `log_ms` is the log time at its first record, `end_log_ms` at its last record of any kind. One that is not `fresh`
    was stored before: it only brings back what was open at its end.
    """

    name: TopicPartition
    start: int
    end: int
    log_ms: int
    end_log_ms: int
    entries: tuple[Entry, ...]
    value_bytes: int
    changes: tuple[Change, ...] = ()
    partitions: int = 1
    fresh: bool = True
    edge_ms: int = EDGE_MS
    buffer_bytes: int = BUFFER_BYTES

    @property
    def number(self) -> int:
        """Number of the blocks that this window yields."""
        return block_number(self.name.partition, self.end)

    @property
    def day(self) -> int:
        """Days since the epoch of its start in log time: the day that its blocks belong to."""
        return self.log_ms // MS_PER_DAY


@dataclass(slots=True)
class OpenWindow:
    """A window that still takes records. `log_ms_before` is the log time just before its first record."""

    name: TopicPartition
    limits: Limits
    start: int
    log_ms: int
    log_ms_before: int
    entries: list[Entry] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rows: int = 0
    value_bytes: int = 0

    def ends_before(self, log_ms: int, offset: int) -> bool:
        """Whether a record at this log time and offset comes too late for the window."""
        if self.limits.until:
            return offset >= self.limits.until
        return log_ms >= self.log_ms + self.limits.span_ms

    def add(self, entry: Entry) -> None:
        """Take a data record."""
        self.entries.append(entry)
        self.rows += entry.framing.items if entry.framing else 0
        self.value_bytes += len(entry.record.value)

    def ends_at(self, offset: int) -> bool:
        """Whether the window is full with the records before this offset."""
        if self.limits.until:
            return offset >= self.limits.until
        return self.rows >= self.limits.rows or self.value_bytes >= self.limits.value_bytes

    def completed(self, end: int, end_log_ms: int) -> Window:
        """The window, ended after the record before offset `end`."""
        return Window(
            self.name, self.start, end, self.log_ms, end_log_ms, tuple(self.entries), self.value_bytes,
            tuple(self.changes), self.limits.partitions, edge_ms=self.limits.edge_ms,
            buffer_bytes=self.limits.buffer_bytes,
        )  # fmt: skip
