"""Going back in the log."""

from __future__ import annotations

from confluent_kafka import Producer as RawProducer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # the library's own gap

from otelhouse.bus import open_log
from otelhouse.bus.contract import Outgoing, Position, TopicPartition
from otelhouse.clock import ManualClock
from otelhouse.config import LogSettings
from tests.contract.bus.support import Bus, publish


def test_seek_reads_again_the_same_records(bus: Bus) -> None:
    topic = bus.topic()
    partition = TopicPartition(topic, 0)
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        publish(producer, topic, [b"%d" % n for n in range(20)])
        first = list(reader.take(20))
        reader.consumer.seek(partition, 5)
        assert reader.consumer.position(partition) == 5
        assert reader.take(35)[20:] == first[5:]
        reader.consumer.seek(partition, 18)
        reader.consumer.seek(partition, 19)
        assert reader.take(36)[35:] == first[19:]


def test_a_member_replays_from_where_it_seeks_on_assignment(bus: Bus) -> None:
    """The two positions of a commit: resume at C after having rebuilt from X."""
    topic, group = bus.topic(), bus.group()
    partition = TopicPartition(topic, 0)
    with bus.producer() as producer:
        publish(producer, topic, [b"%d" % n for n in range(10)])
        with bus.reader(group, topic) as reader:
            reader.take(10)
            reader.consumer.commit({partition: Position(4, "7")})
        with bus.reader(group, topic) as reader:

            def to_c(partitions: list[TopicPartition]) -> None:
                for each in partitions:
                    position = reader.consumer.committed(each)
                    reader.consumer.seek(each, int(position.metadata) if position else 0)

            reader.when_assigned = to_c
            assert [record.offset for record in reader.take(3)] == [7, 8, 9]


def test_a_commit_may_go_back(bus: Bus) -> None:
    topic, group = bus.topic(), bus.group()
    partition = TopicPartition(topic, 0)
    with bus.producer() as producer, bus.reader(group, topic) as reader:
        publish(producer, topic, [b"%d" % n for n in range(10)])
        reader.take(10)
        reader.consumer.commit({partition: Position(9)})
        reader.consumer.commit({partition: Position(2)})
    with bus.reader(group, topic) as again:
        assert [record.offset for record in again.take(8)] == list(range(2, 10))


def test_another_group_replays_everything_in_the_same_order(bus: Bus) -> None:
    topic = bus.topic(partitions=2)
    with bus.producer() as producer:
        for n in range(100):
            producer.publish([Outgoing(topic, n % 2, b"%d" % n, (("n", b"%d" % n),))])
    with bus.reader(bus.group(), topic) as first, bus.reader(bus.group(), topic) as second:
        one, other = list(first.take(100)), list(second.take(100))
    for number in range(2):
        assert [each for each in one if each.partition == number] == [
            each for each in other if each.partition == number
        ]


def test_append_times_that_step_back_change_no_order(bus: Bus) -> None:
    """The clock of the log may be set back; offsets go on and the records say what the clock said."""
    times = [1_700_000_010_000, 1_700_000_020_000, 1_700_000_005_000, 1_700_000_030_000]
    topic = _topic_with_times(bus, times)
    with bus.reader(bus.group(), topic) as reader:
        records = reader.take(4)
        assert [record.append_ms for record in records] == times
        assert [record.offset for record in records] == [0, 1, 2, 3]


def _topic_with_times(bus: Bus, times: list[int]) -> str:
    if bus.embedded:
        topic, clock = bus.topic(), ManualClock()
        log = open_log(LogSettings(url=bus.url), clock)
        producer = log.producer()
        for each in times:
            clock.wall_ns = each * 1_000_000
            publish(producer, topic, [b"x"])
        producer.close()
        log.close()
        return topic
    # A broker's clock cannot be set: with CreateTime the records bring the times it would have had.
    topic, brokers = bus.group(), bus.url.removeprefix("kafka://")
    config = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    new = NewTopic(topic, num_partitions=1, replication_factor=1, config=config)
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([new])[topic].result(30)
    raw = RawProducer({"bootstrap.servers": brokers})
    for each in times:
        raw.produce(topic, b"x", partition=0, timestamp=each)
    raw.flush(30)
    return topic
