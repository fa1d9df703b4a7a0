"""The way to a Kafka cluster."""

from __future__ import annotations

from confluent_kafka import KafkaException

from otelhouse.bus.contract import LogUnavailable
from otelhouse.bus.kafka.admin import KafkaAdmin
from otelhouse.bus.kafka.client import LibraryLog, log_error
from otelhouse.bus.kafka.consumer import KafkaConsumer
from otelhouse.bus.kafka.producer import KafkaProducer
from otelhouse.bus.kafka.reader import KafkaReader
from otelhouse.bus.kafka.topics import Topics
from otelhouse.clock import Clock
from otelhouse.config import LogSettings

CHECK_SECONDS = 1.8


class KafkaLog:
    """See `contract.Log`. `brokers`: host:port[,host:port...]."""

    def __init__(self, brokers: str, settings: LogSettings, clock: Clock) -> None:
        self._brokers = brokers
        self._settings = settings
        self._clock = clock
        self._library_log = LibraryLog(clock)
        self._topics = Topics(brokers, clock)

    def producer(self) -> KafkaProducer:
        return KafkaProducer(self._brokers, self._settings, self._clock, self._library_log)

    def consumer(self, group: str) -> KafkaConsumer:
        return KafkaConsumer(self._brokers, group, self._library_log)

    def reader(self) -> KafkaReader:
        return KafkaReader(self._brokers, self._library_log)

    def admin(self) -> KafkaAdmin:
        return KafkaAdmin(self._brokers, self._settings, self._clock)

    def check(self) -> None:
        try:
            self._topics.client().describe_cluster(request_timeout=CHECK_SECONDS).result(CHECK_SECONDS)
        except KafkaException as error:
            raise LogUnavailable(str(log_error(error))) from None
        except TimeoutError:
            raise LogUnavailable(f"kafka: no answer from {self._brokers}") from None

    def close(self) -> None:
        self._topics.close()
