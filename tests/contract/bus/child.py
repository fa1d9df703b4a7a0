"""A process that a test kills: `publish URL TOPIC`, `read URL TOPIC GROUP COUNT` or `work URL TOPIC GROUP`.

It prints a line for each thing that the log has promised: the number of a record that was acknowledged,
the position that was committed, or each record that a worker has read before it commits.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future

from otelhouse.bus import open_log
from otelhouse.bus.contract import LogError, Outgoing, Position, TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings

VALUE_BYTES = 40_000
IN_FLIGHT = 8


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def publish(url: str, topic: str) -> None:
    """Numbered records over all partitions, several calls in flight, until killed."""
    producer = open_log(LogSettings(url=url), SystemClock()).producer()
    waiting: list[tuple[int, Future[list[int | LogError]]]] = []
    number, partitions = 0, producer.partitions(topic)
    while True:
        value = b"%08d" % number + b"." * VALUE_BYTES
        waiting.append((number, producer.publish([Outgoing(topic, number % partitions, value)])))
        number += 1
        if len(waiting) == IN_FLIGHT:
            first, future = waiting.pop(0)
            (result,) = future.result()
            if isinstance(result, int):
                say(first)


def read(url: str, topic: str, group: str, count: int) -> None:
    """Read, commit after `count` records, read on without committing until killed."""
    consumer = open_log(LogSettings(url=url), SystemClock()).consumer(group)
    consumer.subscribe([topic], lambda _: None, lambda _: None)
    seen = 0
    while True:
        for record in consumer.poll(1.0, max_bytes=1):
            seen += 1
            if seen == count:
                partition = TopicPartition(record.topic, record.partition)
                consumer.commit({partition: Position(record.offset + 1, "from the child")})
                say(record.offset + 1)


def work(url: str, topic: str, group: str) -> None:
    """Read, say what was read, commit it; again until killed."""
    consumer = open_log(LogSettings(url=url), SystemClock()).consumer(group)
    consumer.subscribe([topic], lambda _: None, lambda _: None)
    while True:
        try:
            found = consumer.poll(1.0, max_bytes=1 << 20)
            for record in found:
                say(f"{record.partition} {record.offset}")
            reached = {TopicPartition(each.topic, each.partition): Position(each.offset + 1) for each in found}
            consumer.commit(reached)
        except LogError:
            continue  # fenced or away: what was not committed is read again, by whoever owns it


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(sys.argv[2], sys.argv[3])
    elif sys.argv[1] == "work":
        work(sys.argv[2], sys.argv[3], sys.argv[4])
    else:
        read(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
