"""A process that a test kills: `child publish URL TOPIC` or `child read URL TOPIC GROUP COUNT`.

It prints a line for each thing that the log has promised: the number of a record that was acknowledged,
or the position that was committed.
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
    """Numbered records, several calls in flight, until killed."""
    producer = open_log(LogSettings(url=url), SystemClock()).producer()
    waiting: list[tuple[int, Future[list[int | LogError]]]] = []
    number = 0
    while True:
        value = b"%08d" % number + b"." * VALUE_BYTES
        waiting.append((number, producer.publish([Outgoing(topic, 0, value)])))
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


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(sys.argv[2], sys.argv[3])
    else:
        read(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
