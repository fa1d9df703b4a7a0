"""How many partitions a topic has, asked of the brokers now and then."""

from __future__ import annotations

import threading

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from otelhouse.bus.contract import LogUnavailable
from otelhouse.bus.kafka.client import METADATA_SECONDS, REQUEST_SECONDS, log_error
from otelhouse.clock import Clock


class Topics:
    """Thread-safe. Connects when first asked."""

    def __init__(self, brokers: str, clock: Clock) -> None:
        self._brokers = brokers
        self._clock = clock
        self._lock = threading.Lock()
        self._client: AdminClient | None = None
        self._known: dict[str, tuple[int, float]] = {}

    def client(self) -> AdminClient:
        """The client for questions and orders about topics and groups."""
        with self._lock:
            if self._client is None:
                # Silent: its failures come back as exceptions.
                self._client = AdminClient(
                    {"bootstrap.servers": self._brokers, "log_level": 0, "reconnect.backoff.max.ms": 500}
                )
            return self._client

    def partitions(self, topic: str) -> int:
        """Number of partitions, a few seconds old at most, or older while no broker answers. Raises LogUnavailable."""
        now = self._clock.monotonic()
        count, asked = self._known.get(topic, (0, float("-inf")))
        if now - asked < METADATA_SECONDS:
            return count
        try:
            count = self.count(topic)
        except LogUnavailable:
            if not count:
                raise
        self._known[topic] = (count, now)
        if not count:
            raise LogUnavailable(f"there is no topic {topic}")
        return count

    def count(self, topic: str, timeout: float = REQUEST_SECONDS) -> int:
        """Number of partitions now, 0 if there is no such topic. Raises LogUnavailable."""
        # list_topics(topic) would let the broker create it.
        future = self.client().describe_topics(TopicCollection([topic]), request_timeout=timeout)[topic]
        try:
            return len(future.result(timeout + 1.0).partitions)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return 0
            raise LogUnavailable(str(log_error(error))) from None
        except TimeoutError:
            raise LogUnavailable("kafka: no answer in time") from None

    def close(self) -> None:
        """Release the client."""
        with self._lock:
            self._client = None
