"""Looks records of Kafka up by offset, as a member of no group."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from otelhouse.bus.contract import LogUnavailable, Record, TopicPartition
from otelhouse.bus.kafka.client import REQUEST_SECONDS, LibraryLog, configuration, log_error
from otelhouse.bus.kafka.consumer import record_of

_SETTINGS = {
    # librdkafka wants a group's name even of those that join none.
    "group_id": "otelhouse-reader",
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "enable_auto_offset_store": False,
    # Says that the log ends, where its last records do not exist.
    "enable_partition_eof": True,
    "fetch_wait_max_ms": 10,
    "fetch_message_max_bytes": 1 << 20,
    "queued_max_messages_kbytes": 8 << 10,
}


class KafkaReader:
    """See `contract.Reader`."""

    def __init__(self, brokers: str, log: LibraryLog) -> None:
        self._configuration = configuration(brokers, log, **_SETTINGS)
        self._consumer: Consumer | None = None
        self._next: tuple[TopicPartition, int] | None = None

    def read(self, partition: TopicPartition, start: int, end: int, max_bytes: int = 8 << 20) -> list[Record]:
        if start >= end:
            return []
        if self._consumer is None:
            self._consumer = Consumer(self._configuration)
        consumer = self._consumer
        try:
            if self._next != (partition, start):
                consumer.assign([KafkaPartition(*partition, start)])
            # Whatever goes wrong, the next call begins anew.
            self._next = None
            found, at = _collect(consumer, end, max_bytes)
        except KafkaException as error:
            raise LogUnavailable(str(log_error(error))) from None
        if at < end:
            self._next = partition, at
        else:
            consumer.unassign()
        return found

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


def _collect(consumer: Consumer, end: int, max_bytes: int) -> tuple[list[Record], int]:
    """(records before `end`, the offset to go on from)."""
    found: list[Record] = []
    size = 0
    while size < max_bytes:
        message = consumer.poll(REQUEST_SECONDS)
        if message is None:
            raise LogUnavailable("kafka: no answer in time")
        fault = message.error()
        if fault is not None:
            if fault.code() == KafkaError._PARTITION_EOF:
                return found, end
            raise LogUnavailable(str(log_error(fault)))
        record = record_of(message)
        if record.offset >= end:
            return found, end
        found.append(record)
        size += len(record.value)
        if record.offset + 1 >= end:
            return found, end
    return found, found[-1].offset + 1
