"""A partition while this process owns it: its state, the windows under way, and what may be committed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping

from otelhouse.bus.contract import Record, TopicPartition
from processor.build import State
from processor.commit import Checkpoint
from processor.partition import Partition
from processor.sampling.sampler import Waiting
from processor.traces.state import Left
from processor.window import Window


class Assignment:
    """Shared by the driver, which feeds it, and one worker, which reads `end` and waits on it.

    `end` is the log's end when the partition was assigned: blocks that end at or before it may have been stored by
    an earlier owner. `stopped` is the fault that stopped it, if any. `due_at` is when, by our own time, something that
    waits for its log time is due. `state` is the worker's alone; `waiting`, for everybody, what
    waits in it, and `active` the series by tenant.
    """

    def __init__(self, name: TopicPartition, checkpoint: Checkpoint, end: int) -> None:
        self.name = name
        self.end = end
        self.origin = checkpoint
        self.partition = Partition(name, checkpoint)
        self.committed = checkpoint
        self.stopped = ""
        self.state: State | None = None
        self.waiting = Waiting()
        self.active: Mapping[str, int] = {}
        self.due_at: float | None = None
        self.open_since: float | None = None
        self.ticked_at: float | None = None
        self._pending: deque[Window] = deque()
        self._stored = checkpoint
        self._left: Left | None = None
        self._abandoned = threading.Event()

    @property
    def pending(self) -> int:
        """Windows completed and not stored yet."""
        return len(self._pending)

    @property
    def pending_bytes(self) -> int:
        """Bytes of record values in them."""
        return sum(window.value_bytes for window in self._pending)

    @property
    def open_bytes(self) -> int:
        """Bytes of record values in the open window."""
        window = self.partition.open_window
        return window.value_bytes if window else 0

    @property
    def oldest_append_ms(self) -> int | None:
        """When the oldest record that is held was appended; None if none is."""
        window = self.partition.open_window
        held = [each.entries for each in self._pending] + ([tuple(window.entries)] if window else [])
        return next((entries[0].record.append_ms for entries in held if entries), None)

    def feed(self, records: Iterable[Record], now: float) -> list[Window]:
        """Take records; returns windows to store, which are pending from now on."""
        before = self.partition.open_window
        windows = self.partition.feed(records)
        self._pending.extend(windows)
        window = self.partition.open_window
        if window is not before:
            self.open_since, self.ticked_at = (now if window else None), None
        return windows

    def stored(self, window: Window, left: Left | None) -> None:
        """Note that the oldest pending window is stored, and what is open after it."""
        oldest = self._pending.popleft()
        if oldest is not window:
            raise ValueError(f"windows of {self.name} were stored out of order")
        if window.fresh:
            self._left = left
            self._stored = self._since(self.partition.checkpoint_after(window))

    def committable(self) -> Checkpoint | None:
        """What to commit now; None if there is nothing new. Never past a window that is not stored."""
        checkpoint = self._stored
        if not self._pending and not self.stopped:
            checkpoint = self._since(self.partition.checkpoint())
        return checkpoint if checkpoint.emitted > self.committed.emitted else None

    def _since(self, checkpoint: Checkpoint) -> Checkpoint:
        return checkpoint.since(self._left.opened, self._left.graph) if self._left else checkpoint

    def abandon(self) -> None:
        """Let whoever stores for it give up."""
        self._abandoned.set()

    @property
    def abandoned(self) -> bool:
        """Whether it was given up."""
        return self._abandoned.is_set()

    def pause(self, seconds: float) -> bool:
        """See `waiting.Waiter`."""
        return self._abandoned.wait(seconds) if seconds else self._abandoned.is_set()
