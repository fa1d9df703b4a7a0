"""State of one partition. Pure: it depends only on the records fed so far, in whatever portions they came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from otelhouse.bus.contract import Record, TopicPartition
from processor.commit import Checkpoint
from processor.window import Change, Entry, OpenWindow, Window
from schema.record import HEADER_CLASS, Framing, FramingError, RuleChange, Votes, parse_headers

RETENTION_CLASSES = 8


class Partition:
    """Turns a partition's records into completed windows; resumes from a checkpoint as if it had never stopped.

    Records in [X, C) come in windows that are not fresh: they bring back what was open at C.
    """

    def __init__(self, name: TopicPartition, checkpoint: Checkpoint) -> None:
        self.name = name
        self._origin = checkpoint
        self._next = checkpoint.resume
        self._log_ms = checkpoint.log_ms if checkpoint.resume == checkpoint.emitted else checkpoint.resume_log_ms
        self._open: OpenWindow | None = None
        self._past: OpenWindow | None = None
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
        if self._next < self._origin.emitted:
            return self._origin
        if self._open is not None:
            return self._origin.moved(self._open.start, self._open.log_ms_before)
        return self._origin.moved(self._next, self._log_ms)

    def checkpoint_after(self, window: Window) -> Checkpoint:
        """Where to resume once `window`, and all before it, are stored."""
        return self._origin.moved(window.end, window.end_log_ms)

    def _feed_one(self, record: Record) -> list[Window]:
        before, self._log_ms = self._log_ms, max(self._log_ms, record.append_ms)
        self._missing += record.offset - self._next
        if record.offset < self._origin.emitted:
            return self._bring_back(record)
        completed: list[Window] = []
        if self._past is not None:
            completed.append(self._brought_back(before))
        if self._next <= self._origin.emitted:
            before = max(before, self._origin.log_ms)
            self._log_ms = max(self._log_ms, before)
        if self._open is not None and self._open.ends_before(self._log_ms, record.offset):
            completed.append(self._open.completed(self._open.limits.until or record.offset, before))
            self._open = None
        self._next = record.offset + 1
        said = _read(record, self._log_ms)
        if isinstance(said, Entry):
            self._begin(record.offset, before).add(said)
        else:
            alone, window = self._open is None, self._begin(record.offset, before)
            if said is not None:
                window.changes.append(said)
            if alone:
                completed.append(window.completed(self._next, self._log_ms))
                self._open = None
        if self._open is not None and self._open.ends_at(self._next):
            completed.append(self._open.completed(self._open.limits.until or self._next, self._log_ms))
            self._open = None
        return completed

    def _begin(self, offset: int, log_ms_before: int) -> OpenWindow:
        """The open window, or one that begins with this record."""
        if self._open is None:
            limits = self._origin.limits_at(offset)
            self._open = OpenWindow(self.name, limits, offset, self._log_ms, log_ms_before)
        return self._open

    def _bring_back(self, record: Record) -> list[Window]:
        """Take a record before C: cut by size alone, since where windows ended then no longer matters."""
        if self._past is None:
            limits = replace(self._origin.limits_at(record.offset), until=0)
            self._past = OpenWindow(self.name, limits, record.offset, self._log_ms, self._log_ms)
        self._next = record.offset + 1
        said = _read(record, self._log_ms)
        if isinstance(said, Entry):
            self._past.add(said)
        elif said is not None:
            self._past.changes.append(said)
        full = self._past.value_bytes >= self._past.limits.value_bytes
        return [self._brought_back(self._log_ms)] if full or self._next == self._origin.emitted else []

    def _brought_back(self, log_ms: int) -> Window:
        assert self._past is not None
        window, self._past = self._past.completed(self._next, log_ms), None
        return replace(window, fresh=False)


def _read(record: Record, log_ms: int) -> Entry | Change | None:
    """A data record, or a control record that says more than the time; None for one that does not."""
    try:
        said = parse_headers(record.headers)
    except FramingError as error:
        return Entry(record, log_ms, None, str(error))
    if isinstance(said, RuleChange | Votes):
        return Change(record.offset, log_ms, said)
    if not isinstance(said, Framing):
        return None
    if said.retention_class >= RETENTION_CLASSES:
        return Entry(record, log_ms, None, f"header '{HEADER_CLASS}': {said.retention_class} is no retention class")
    return Entry(record, log_ms, said)
