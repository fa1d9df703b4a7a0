"""Reads Kafka as one member of a group: KIP-848 where the brokers have it, else cooperative rebalancing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from otelhouse.bus.contract import LogFenced, LogUnavailable, Position, Record, TopicPartition
from otelhouse.bus.kafka.client import REQUEST_SECONDS, LibraryLog, configuration, is_fatal, log_error

Callback = Callable[[Iterable[TopicPartition]], None]

_SETTINGS = {
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "enable_auto_offset_store": False,
    "enable_partition_eof": False,
    "fetch_message_max_bytes": 4 << 20,
    # One fetch is under way for all partitions of a broker: whoever seeks or resumes waits for its end.
    "fetch_wait_max_ms": 100,
    "fetch_queue_backoff_ms": 50,
    "queued_max_messages_kbytes": 32 << 10,
    "max_poll_interval_ms": 300_000,
}
_MODERN = {"group_protocol": "consumer"}
_CLASSIC = {
    "group_protocol": "classic",
    "partition_assignment_strategy": "cooperative-sticky",
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 1_000,
}
_UNSUPPORTED = KafkaError(KafkaError.UNSUPPORTED_VERSION).str()
"""All that a fatal error says of its cause is this text."""
_PASSING = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
}
"""Errors that librdkafka reports and gets over by itself: a topic not created yet, brokers that are away."""
_RETRY_SECONDS = 0.1
_SLICE_SECONDS = 0.1


class KafkaConsumer:
    """See `contract.Consumer`."""

    def __init__(self, brokers: str, group: str, log: LibraryLog) -> None:
        self._base = configuration(brokers, log, group_id=group, **_SETTINGS)
        self._consumer: Consumer | None = None
        self._protocol: Mapping[str, object] = _MODERN
        self._topics: list[str] = []
        self._on_assigned: Callback = _ignore
        self._on_revoked: Callback = _ignore
        self._next: dict[TopicPartition, int | None] = {}
        self._unannounced: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()
        self._resumed: set[TopicPartition] = set()
        self._revoked: set[TopicPartition] = set()
        self._rewinds: dict[TopicPartition, int] = {}
        self._napping = threading.Event()
        self._closed = False

    def subscribe(self, topics: Sequence[str], on_assigned: Callback, on_revoked: Callback) -> None:
        self._topics = list(topics)
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        self._join(_MODERN)

    def poll(self, timeout: float, max_bytes: int = 8 << 20) -> list[Record]:
        found: list[Record] = []
        self._revoked.clear()
        self._rewind()
        try:
            self._collect(found, timeout, max_bytes)
        except BaseException:
            self._put_back(found)
            raise
        # A rebalance in the middle of this poll may have taken some of it away.
        kept = [each for each in found if self._is_ours(TopicPartition(each.topic, each.partition))]
        return [each for each in kept if self._is_next(each)]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._assigned(partition)
        consumer, waited = self._joined(), 0.0
        while True:
            try:
                consumer.seek(KafkaPartition(*partition, offset))
                break
            except KafkaException as error:
                # A partition just assigned takes a moment until it can be moved.
                if error.args[0].code() != KafkaError._STATE or waited >= REQUEST_SECONDS:
                    raise LogUnavailable(str(log_error(error))) from None
            self._napping.wait(_RETRY_SECONDS)
            waited += _RETRY_SECONDS
        self._next[partition] = offset
        self._rewinds.pop(partition, None)
        self._resumed.discard(partition)

    def pause(self, partition: TopicPartition) -> None:
        self._assigned(partition)
        self._paused.add(partition)
        self._joined().pause([KafkaPartition(*partition)])

    def resume(self, partition: TopicPartition) -> None:
        self._assigned(partition)
        self._paused.discard(partition)
        if partition not in self._unannounced:
            self._joined().resume([KafkaPartition(*partition)])
            self._resumed.add(partition)

    def position(self, partition: TopicPartition) -> int:
        self._assigned(partition)
        known = self._next[partition]
        if known is None:
            committed = self.committed(partition)
            start, end = self._range(partition)
            known = start if committed is None else min(max(committed.resume, start), end)
            self._next[partition] = known
        return known

    def end(self, partition: TopicPartition) -> int:
        return self._range(partition)[1]

    def committed(self, partition: TopicPartition) -> Position | None:
        try:
            (found,) = self._joined().committed([KafkaPartition(*partition)], timeout=REQUEST_SECONDS)
        except KafkaException as error:
            raise LogUnavailable(str(log_error(error))) from None
        if found.error is not None:
            raise LogUnavailable(str(log_error(found.error)))
        return None if found.offset < 0 else Position(found.offset, found.metadata or "")

    def commit(self, positions: Mapping[TopicPartition, Position]) -> None:
        for partition in positions:
            if partition not in self._next:
                raise LogFenced(f"{partition.topic}/{partition.partition} is not ours to commit")
        offsets = [KafkaPartition(*name, position.resume, position.metadata) for name, position in positions.items()]
        waited = 0.0
        while (error := self._try_commit(offsets)) is not None:
            # A rebalance gives this member a new epoch before it has heard of it: the next heartbeat tells it.
            if error.args[0].code() != KafkaError.STALE_MEMBER_EPOCH or waited >= REQUEST_SECONDS:
                raise log_error(error)
            self._napping.wait(_RETRY_SECONDS)
            waited += _RETRY_SECONDS

    def close(self) -> None:
        if self._closed:
            return
        try:
            if self._consumer is not None:
                self._consumer.close()  # calls on_revoked for what is still assigned
        finally:
            self._closed = True
            self._next.clear()

    def _join(self, protocol: Mapping[str, object]) -> None:
        self._protocol = protocol
        more = {name.replace("_", "."): value for name, value in protocol.items()}
        self._consumer = Consumer({**self._base, **more})
        self._consumer.subscribe(
            self._topics, on_assign=self._when_assigned, on_revoke=self._when_revoked, on_lost=self._when_lost
        )

    def _joined(self) -> Consumer:
        if self._consumer is None or self._closed:
            raise LogUnavailable("the consumer is closed" if self._closed else "the consumer has not subscribed")
        return self._consumer

    def _assigned(self, partition: TopicPartition) -> None:
        if partition not in self._next:
            raise LogUnavailable(f"{partition.topic}/{partition.partition} is not assigned to this member")

    def _collect(self, found: list[Record], timeout: float, max_bytes: int) -> None:
        """Wait in slices, because librdkafka does not come back when it has assigned something."""
        waited, size = 0.0, 0
        while not found and (waited < timeout or not waited):
            self._announce()
            wait = min(_SLICE_SECONDS, timeout - waited)
            message = self._receive(self._joined(), wait)
            waited += max(wait, 1e-9)
            while message is not None:
                record = record_of(message)
                found.append(record)
                size += len(record.value)
                message = None if size >= max_bytes else self._receive(self._joined(), 0.0)

    def _put_back(self, found: Sequence[Record]) -> None:
        """The caller will not see these: read them again, from the next poll on."""
        for record in found:
            partition = TopicPartition(record.topic, record.partition)
            if self._is_ours(partition):
                self._rewinds.setdefault(partition, record.offset)

    def _rewind(self) -> None:
        """Before anything else is read. Raises LogUnavailable as long as it cannot be done."""
        for partition, offset in list(self._rewinds.items()):
            self.seek(partition, offset)

    def _receive(self, consumer: Consumer, timeout: float) -> Message | None:
        """The next message, if there is one. Raises LogUnavailable."""
        try:
            message = consumer.poll(timeout)
        except KafkaException as error:
            raise LogUnavailable(str(log_error(error))) from None
        fault = None if message is None else message.error()
        if fault is None:
            return message
        if is_fatal(fault):
            consumer.close()
            self._join(_CLASSIC if _UNSUPPORTED in fault.str() else self._protocol)
        elif fault.code() not in _PASSING:
            raise LogUnavailable(str(log_error(fault)))
        return None

    def _when_assigned(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        """Take them, but read nothing yet: the caller hears of them outside of librdkafka's callback."""
        consumer.incremental_assign(list(partitions))
        if partitions:
            consumer.pause(list(partitions))
        for each in partitions:
            name = TopicPartition(each.topic, each.partition)
            self._next[name] = None
            self._unannounced.add(name)

    def _announce(self) -> None:
        """Tell of new partitions; should the callback fail, tell of them again at the next poll."""
        if not self._unannounced:
            return
        new = sorted(self._unannounced)
        self._on_assigned(new)
        self._unannounced.clear()
        reading = [KafkaPartition(*each) for each in new if each not in self._paused]
        if reading:
            self._joined().resume(reading)

    def _when_revoked(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        try:
            self._lose(partitions)
        finally:
            consumer.incremental_unassign(list(partitions))

    def _when_lost(self, consumer: Consumer, partitions: Sequence[KafkaPartition]) -> None:
        for each in partitions:  # commit() refuses them from now on
            self._next.pop(TopicPartition(each.topic, each.partition), None)
        try:
            self._lose(partitions)
        finally:
            consumer.incremental_unassign(list(partitions))

    def _lose(self, partitions: Sequence[KafkaPartition]) -> None:
        lost = sorted(TopicPartition(each.topic, each.partition) for each in partitions)
        self._revoked.update(lost)
        announced = [each for each in lost if each not in self._unannounced]
        try:
            if announced:
                self._on_revoked(announced)
        finally:
            for each in lost:
                self._next.pop(each, None)
                self._paused.discard(each)
                self._unannounced.discard(each)
                self._rewinds.pop(each, None)
                self._resumed.discard(each)

    def _is_next(self, record: Record) -> bool:
        """Move the position behind a record; false for one that librdkafka gives again because it was paused."""
        partition = TopicPartition(record.topic, record.partition)
        known = self._next[partition]
        if partition in self._resumed:
            if known is not None and record.offset < known:
                return False
            self._resumed.discard(partition)
        self._next[partition] = record.offset + 1
        return True

    def _is_ours(self, partition: TopicPartition) -> bool:
        return partition in self._next and partition not in self._revoked

    def _range(self, partition: TopicPartition) -> tuple[int, int]:
        try:
            found = self._joined().get_watermark_offsets(KafkaPartition(*partition), timeout=REQUEST_SECONDS)
        except KafkaException as error:
            raise LogUnavailable(str(log_error(error))) from None
        if found is None:
            raise LogUnavailable("kafka: no answer in time")
        return found

    def _try_commit(self, offsets: list[KafkaPartition]) -> KafkaException | None:
        try:
            done = self._joined().commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            return error
        failed = [each.error for each in done or [] if each.error is not None]
        return KafkaException(failed[0]) if failed else None


def record_of(message: Message) -> Record:
    """As the contract has it."""
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        tuple((name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs),
        message.value() or b"",
    )


def _ignore(_: Iterable[TopicPartition]) -> None:
    return None
