"""State of one partition. Pure: it depends only on the records fed so far, in whatever portions they came."""

from __future__ import annotations

from collections.abc import Iterable

from otelhouse.bus.contract import Record, TopicPartition
from processor.commit import Checkpoint
from processor.window import Entry, OpenWindow, Window
from schema.record import HEADER_CLASS, Framing, FramingError, parse_headers

RETENTION_CLASSES = 8


class Partition:
    """Turns a partition's records into completed windows; resumes from a checkpoint as if it had never stopped.

    Records in [X, C) rebuild what was open at C and emit nothing. Windows alone leave nothing open at C, so
    they are passed over.
    """

    def __init__(self, name: TopicPartition, checkpoint: Checkpoint) -> None:
        self.name = name
        self._origin = checkpoint
        self._next = checkpoint.emitted
        self._log_ms = checkpoint.log_ms
        self._open: OpenWindow | None = None
        self._missing = 0

    @property
    def next_offset(self) -> int:
        """Offset of the first record not fed yet."""
        return self._next

    @property
    def log_ms(self) -> int:
        """Log time: the running maximum of the append times fed so far, in milliseconds."""
        return self._log_ms

    @property
    def open_window(self) -> OpenWindow | None:
        """The window that still takes records."""
        return self._open

    def take_missing(self) -> int:
        """Records that were due since the last call, and that the log no longer had."""
        missing, self._missing = self._missing, 0
        return missing

    def feed(self, records: Iterable[Record]) -> list[Window]:
        """Take records in offset order; returns the windows completed by them. What was fed before is passed over."""
        completed: list[Window] = []
        for record in records:
            if record.offset >= self._next:
                completed.extend(self._feed_one(record))
        return completed

    def checkpoint(self) -> Checkpoint:
        """Where to resume once all completed windows are stored: no later than the start of the open one."""
        if self._open is not None:
            return self._origin.moved(self._open.start, self._open.log_ms_before)
        return self._origin.moved(self._next, self._log_ms)

    def checkpoint_after(self, window: Window) -> Checkpoint:
        """Where to resume once `window`, and all before it, are stored."""
        return self._origin.moved(window.end, window.end_log_ms)

    def _feed_one(self, record: Record) -> list[Window]:
        before, self._log_ms = self._log_ms, max(self._log_ms, record.append_ms)
        completed: list[Window] = []
        self._missing += record.offset - self._next
        if self._open is not None and self._open.ends_before(self._log_ms, record.offset):
            completed.append(self._open.completed(record.offset, before))
            self._open = None
        self._next = record.offset + 1
        entry = _entry(record)
        if entry is not None:
            self._join(entry, before)
        if self._open is not None and self._open.ends_at(self._next):
            completed.append(self._open.completed(self._next, self._log_ms))
            self._open = None
        return completed

    def _join(self, entry: Entry, log_ms_before: int) -> None:
        """Put a data record into the open window, or begin one with it."""
        offset = entry.record.offset
        if self._open is None:
            limits = self._origin.limits_at(offset)
            self._open = OpenWindow(self.name, limits, offset, self._log_ms, log_ms_before)
        self._open.add(entry)


def _entry(record: Record) -> Entry | None:
    """A data record with what its headers say; None for a control record."""
    try:
        said = parse_headers(record.headers)
    except FramingError as error:
        return Entry(record, None, str(error))
    if not isinstance(said, Framing):
        return None
    if said.retention_class >= RETENTION_CLASSES:
        return Entry(record, None, f"header '{HEADER_CLASS}': {said.retention_class} is no retention class")
    return Entry(record, said)
