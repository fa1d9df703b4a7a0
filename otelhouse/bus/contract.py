"""The log as every component sees it: topics of partitions, read by groups that keep two positions.

Two implementations, `kafka.py` and `embedded.py`, pass one contract suite (tests/contract/bus).
A value is an OTLP export request (`Export*ServiceRequest`) or empty for a control record; what a
record is for stands in its headers (`schema/record.py`). Errors form one tree::

    LogError
    |-- LogUnavailable      the log cannot be reached or did not answer in time: try again
    |   `-- LogFull         retention may not delete what a group still needs: try again later
    |-- RecordTooLarge      this record will never be taken
    |-- LogFenced           this member no longer owns what it commits: stop working on it
    `-- LogBusy             another process holds the embedded log in a way that excludes us
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Protocol

MAX_VALUE_BYTES = 900 * 1024
"""Largest value of a record; leaves room for headers below Kafka's default of 1 MiB a message."""

MAX_METADATA_BYTES = 4000
"""Longest metadata of a commit in UTF-8; Kafka's default is 4,096 for all of it."""

Headers = tuple[tuple[str, bytes], ...]


class LogError(Exception):
    """Root of all errors of the log."""


class LogUnavailable(LogError):
    """The log cannot be reached now; nothing is known to be stored. Retryable."""


class LogFull(LogUnavailable):
    """No room: everything kept is still needed by a group. Retryable after the readers went on."""


class RecordTooLarge(LogError):
    """The value is over MAX_VALUE_BYTES. Permanent."""


class LogFenced(LogError):
    """The partition was given to another member of the group."""


class LogBusy(LogError):
    """The embedded log's directory cannot be used by this process."""


class TopicPartition(NamedTuple):
    """Name of one partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to append."""

    topic: str
    partition: int
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the log gives it back.

    `append_ms` is the log's own time of the append, milliseconds since the epoch. It may step
    back between records when a broker's clock does; log time is its running maximum.
    """

    topic: str
    partition: int
    offset: int
    append_ms: int
    headers: Headers
    value: bytes


@dataclass(frozen=True, slots=True)
class Position:
    """What a group commits for a partition.

    `resume` (X) is the offset to read from after a restart: retention never passes it.
    `metadata` is the owner's own text (at most MAX_METADATA_BYTES), kept with it: it holds C and the checkpoint.
    """

    resume: int
    metadata: str = ""

    def __post_init__(self) -> None:
        if self.resume < 0 or len(self.metadata.encode()) > MAX_METADATA_BYTES:
            size = len(self.metadata.encode())
            raise ValueError(
                f"no position: offset {self.resume}, metadata of {size} bytes (limit {MAX_METADATA_BYTES})"
            )


class Producer(Protocol):
    """Appends records. Thread-safe. After close() every call raises LogUnavailable."""

    def partitions(self, topic: str) -> int:
        """Number of partitions now. May block for seconds; raises LogUnavailable."""

    def publish(self, records: Sequence[Outgoing]) -> Future[list[int | LogError]]:
        """Append; never blocks for the log's answer and never raises: what went wrong is in the result.

        The future resolves, within the configured delivery timeout, to one entry a record, in order:
        its offset once it is durable (acks=all, fsync), or the error that befell just this record.
        Records of one call for one partition keep their order.
        """

    def close(self, timeout: float = 10.0) -> None:
        """Wait for what is under way, then release. May be called twice."""


class Consumer(Protocol):
    """One member of one group. Not thread-safe: one thread owns it."""

    def subscribe(
        self,
        topics: Sequence[str],
        on_assigned: Callable[[Iterable[TopicPartition]], None],
        on_revoked: Callable[[Iterable[TopicPartition]], None],
    ) -> None:
        """Join the group. Callbacks run inside poll(), on the caller's thread.

        In on_assigned the member may call committed() and seek(); what it does not seek is read
        from the committed `resume`, else from the oldest record kept. In on_revoked commit() still works for what
        is being revoked, unless ownership was already lost. New partitions of a topic are assigned without a restart.
        """

    def poll(self, timeout: float, max_bytes: int = 8 << 20) -> list[Record]:
        """Records of any assigned partitions, in offset order within each; [] after `timeout` seconds.

        At least one record if there is one, whatever its size; some may be of a partition that this very
        call assigned (on_assigned has run by then). Raises LogUnavailable, and what a callback raises: no record is
        lost by it, and an on_assigned that failed is called again by a later poll.
        """

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read an assigned partition from this offset next. A deleted offset reads from the oldest kept."""

    def pause(self, partition: TopicPartition) -> None:
        """Give no records of this partition until resume(); ownership stays."""

    def resume(self, partition: TopicPartition) -> None:
        """Undo pause()."""

    def position(self, partition: TopicPartition) -> int:
        """Offset of the next record that poll() will give."""

    def end(self, partition: TopicPartition) -> int:
        """Offset that the next appended record will get (the end now). Raises LogUnavailable."""

    def committed(self, partition: TopicPartition) -> Position | None:
        """The group's last commit. Raises LogUnavailable."""

    def commit(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Store durably; blocks until done. Raises LogFenced or LogUnavailable."""

    def close(self) -> None:
        """Leave the group at once (others take over without waiting for a timeout). May be called twice.

        Calls on_revoked for what is still assigned, and commit() works in it.
        """


class Reader(Protocol):
    """Looks records up by offset, outside of any group: nobody's position moves. Not thread-safe."""

    def read(self, partition: TopicPartition, start: int, end: int, max_bytes: int = 8 << 20) -> list[Record]:
        """Records of offsets [start, end) in order, as many as fit (the first always does); [] if none of them is kept.

        Those that retention deleted are left out. `end` is at most the log's end. Raises LogUnavailable.
        """

    def close(self) -> None:
        """Release. May be called twice."""


class LogAdmin(Protocol):
    """Operations on topics."""

    def ensure_topic(self, topic: str, partitions: int) -> None:
        """Create it, or grow it to `partitions`; never shrinks. Raises LogUnavailable."""

    def lag(self, group: str) -> Mapping[TopicPartition, int]:
        """Records between each partition's end and the group's `resume`.

        Of the topics that the group has subscribed to (embedded) or committed to (Kafka). Raises LogUnavailable.
        """

    def close(self) -> None:
        """Release. May be called twice."""


class Log(Protocol):
    """A way to the log: what `otelhouse.bus.open_log(settings, clock)` returns. Opening connects to nothing yet."""

    def producer(self) -> Producer: ...

    def consumer(self, group: str) -> Consumer: ...

    def reader(self) -> Reader: ...

    def admin(self) -> LogAdmin: ...

    def check(self) -> None:
        """For /readyz: raises LogError if the log cannot be reached within two seconds."""

    def close(self) -> None:
        """Release, after all that it gave out was closed. May be called twice."""
