"""Topics and lag on Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewPartitions, NewTopic

from otelhouse.bus.contract import LogUnavailable, TopicPartition
from otelhouse.bus.kafka.client import MAX_MESSAGE_BYTES, REQUEST_SECONDS, log_error
from otelhouse.bus.kafka.topics import Topics
from otelhouse.clock import Clock
from otelhouse.config import LogSettings

Result = TypeVar("Result")

_SEGMENTS = 8
"""Retention deletes whole segments: so many make up a partition's share."""


class KafkaAdmin:
    """See `contract.LogAdmin`."""

    def __init__(self, brokers: str, settings: LogSettings, clock: Clock) -> None:
        self._settings = settings
        self._topics = Topics(brokers, clock)

    def ensure_topic(self, topic: str, partitions: int) -> None:
        count = self._topics.count(topic)
        if not count:
            settings = self._configuration(partitions)
            new = NewTopic(topic, num_partitions=partitions, replication_factor=-1, config=settings)
            created = self._topics.client().create_topics([new], request_timeout=REQUEST_SECONDS)
            _answer(created[topic], unless=KafkaError.TOPIC_ALREADY_EXISTS)
        elif count < partitions:
            grown = self._topics.client().create_partitions([NewPartitions(topic, partitions)])
            # Another component may have grown it in the meantime.
            _answer(grown[topic], unless=KafkaError.INVALID_PARTITIONS)

    def lag(self, group: str) -> Mapping[TopicPartition, int]:
        resumes = self._resumes(group)
        partitions = [
            TopicPartition(topic, number)
            for topic in sorted({each.topic for each in resumes})
            for number in range(self._topics.count(topic))
        ]
        starts = self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call] # the library's own gap
        ends = self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call] # the same
        return {each: ends[each] - max(resumes.get(each, 0), starts[each]) for each in partitions}

    def close(self) -> None:
        self._topics.close()

    def _configuration(self, partitions: int) -> dict[str, str]:
        age_ms = int(self._settings.retention_hours * 3_600_000)
        share = max(self._settings.retention_bytes // partitions, 1 << 20)
        return {
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "retention.ms": str(age_ms),
            "segment.ms": str(max(age_ms // _SEGMENTS, 1)),
            "retention.bytes": str(share),
            "segment.bytes": str(min(max(share // _SEGMENTS, 1 << 20), 1 << 30)),
        }

    def _resumes(self, group: str) -> dict[TopicPartition, int]:
        asked = self._topics.client().list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        found = _answer(asked[group], unless=KafkaError.GROUP_ID_NOT_FOUND)
        rows = [] if found is None else found.topic_partitions
        return {TopicPartition(each.topic, each.partition): each.offset for each in rows if each.offset >= 0}

    def _offsets(self, partitions: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        asked = self._topics.client().list_offsets({KafkaPartition(*each): spec for each in partitions})
        return {TopicPartition(each.topic, each.partition): _must(future).offset for each, future in asked.items()}


def _answer(future: Future[Result], unless: int) -> Result | None:
    """The broker's answer; None for the error `unless`. Raises LogUnavailable."""
    try:
        return future.result(REQUEST_SECONDS + 1.0)
    except KafkaException as error:
        if error.args[0].code() == unless:
            return None
        raise LogUnavailable(str(log_error(error))) from None
    except FutureTimeout:
        raise LogUnavailable("kafka: no answer in time") from None


def _must(future: Future[Result]) -> Result:
    answer = _answer(future, unless=KafkaError.NO_ERROR)
    if answer is None:
        raise LogUnavailable("kafka: no answer")
    return answer
