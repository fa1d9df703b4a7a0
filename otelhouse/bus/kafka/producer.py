"""Appends to Kafka: idempotent, acks=all, a future per call that librdkafka's delivery reports resolve."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from otelhouse.bus.contract import MAX_VALUE_BYTES, LogError, LogUnavailable, Outgoing, RecordTooLarge
from otelhouse.bus.kafka.client import (
    MAX_MESSAGE_BYTES,
    REQUEST_SECONDS,
    LibraryLog,
    configuration,
    is_fatal,
    log_error,
)
from otelhouse.bus.kafka.topics import Topics
from otelhouse.clock import Clock
from otelhouse.config import LogSettings

QUEUE_BYTES = 64 << 20
"""Bytes that may wait for the brokers; beyond it publish() answers LogUnavailable."""

Results = list[int | LogError]


class _Call:
    """One publish(): the results as they come in."""

    def __init__(self, count: int) -> None:
        self.future: Future[Results] = Future()
        self._results: Results = [LogUnavailable("the log did not answer")] * count
        self._missing = count
        self._lock = threading.Lock()
        if not count:
            self.future.set_result([])

    def resolve(self, index: int, result: int | LogError) -> None:
        with self._lock:
            self._results[index] = result
            self._missing -= 1
            done = not self._missing
        if done:
            with suppress(InvalidStateError):  # cancelled by the caller
                self.future.set_result(self._results)

    def delivered(self, index: int, error: KafkaError | None, message: Message) -> None:
        """Delivery callback of the record at this place."""
        if error is not None:
            self.resolve(index, log_error(error))
            return
        offset = message.offset()
        self.resolve(index, LogUnavailable("kafka gave no offset") if offset is None else offset)


class KafkaProducer:
    """See `contract.Producer`. One thread serves the delivery reports."""

    def __init__(self, brokers: str, settings: LogSettings, clock: Clock, log: LibraryLog) -> None:
        self._topics = Topics(brokers, clock)
        self._configuration = configuration(
            brokers,
            log,
            enable_idempotence=True,
            acks="all",
            compression_type=settings.compression,
            linger_ms=0,  # who publishes has collected what it wants to go together
            batch_size=1 << 20,
            message_max_bytes=MAX_MESSAGE_BYTES,
            delivery_timeout_ms=int(settings.delivery_timeout_seconds * 1000),
            queue_buffering_max_kbytes=QUEUE_BYTES >> 10,
        )
        self._configuration["error_cb"] = self._on_error
        self._log = log
        self._fatal = threading.Event()
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._producer = Producer(self._configuration)
        self._reports = threading.Thread(target=self._serve, name="kafka-reports", daemon=True)
        self._reports.start()

    def partitions(self, topic: str) -> int:
        if self._closed.is_set():
            raise LogUnavailable("the producer is closed")
        count = self._topics.partitions(topic)
        if count != self._counts.get(topic):
            self._tell_library(topic)
            self._counts[topic] = count
        return count

    def publish(self, records: Sequence[Outgoing]) -> Future[Results]:
        call = _Call(len(records))
        with self._lock:  # records of one call stay together
            for index, record in enumerate(records):
                self._produce(record, call, index)
        return call.future

    def close(self, timeout: float = 10.0) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._reports.join()
        if self._producer.flush(timeout):
            self._producer.purge()
            self._producer.flush(1.0)
        self._topics.close()

    def _produce(self, record: Outgoing, call: _Call, index: int) -> None:
        if self._closed.is_set():
            call.resolve(index, LogUnavailable("the producer is closed"))
        elif len(record.value) > MAX_VALUE_BYTES:
            size = len(record.value)
            call.resolve(index, RecordTooLarge(f"{size} bytes are over the limit of {MAX_VALUE_BYTES} for a record"))
        else:
            try:
                self._producer.produce(
                    record.topic,
                    value=record.value,
                    partition=record.partition,
                    headers=list(record.headers),
                    on_delivery=partial(call.delivered, index),
                )
            except BufferError:
                call.resolve(index, LogUnavailable("too many records wait for the log"))
            except KafkaException as error:
                call.resolve(index, log_error(error))

    def _tell_library(self, topic: str) -> None:
        """Have librdkafka look again, or it would refuse records for partitions that it has not heard of."""
        try:
            self._producer.list_topics(topic, timeout=REQUEST_SECONDS)
        except KafkaException as error:
            raise LogUnavailable(str(log_error(error))) from None

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(0.1)
            self._renew_if_fatal()

    def _renew_if_fatal(self) -> None:
        """A fatal error (idempotence cannot be kept up) ends a producer for good: go on with a fresh one."""
        if not self._fatal.is_set():
            return
        with self._lock:
            self._fatal.clear()
            broken, self._producer = self._producer, Producer(self._configuration)
        broken.purge()
        broken.flush(1.0)

    def _on_error(self, error: KafkaError) -> None:
        if is_fatal(error):
            self._fatal.set()
        self._log.on_error(error)
