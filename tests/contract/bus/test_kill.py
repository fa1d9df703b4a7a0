"""kill -9, of whoever it may be."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

import pytest

from otelhouse.bus.contract import LogUnavailable, Outgoing, TopicPartition
from tests.contract.bus.child import VALUE_BYTES
from tests.contract.bus.support import PATIENCE, Bus, child, publish


def test_what_a_killed_writer_was_told_is_stored(bus: Bus) -> None:
    topic = bus.topic()
    acknowledged: list[int] = []
    for wait in (0.0, 0.013, 0.034) if bus.embedded else (0.02,):
        with child("publish", bus.url, topic) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline())]
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
        assert acknowledged == list(range(len(acknowledged)))
        # The survivor finds the log whole and writable.
        with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
            (marker,) = publish(producer, topic, [b"marker"])
            assert isinstance(marker, int)
            reader.take(marker + 1)
            runs = b"".join(record.value[:8] for record in reader.records).split(b"marker")
            # What the dead had handed to a broker may come after the survivor's.
            sent = runs[-2] if bus.embedded else b"".join(runs)
            last = [int(sent[at : at + 8]) for at in range(0, len(sent), 8)]
            assert [record.offset for record in reader.records] == list(range(len(reader.records)))
            assert len(reader.records) == marker + 1 or not bus.embedded
            assert all(len(record.value) in (6, 8 + VALUE_BYTES) for record in reader.records)
        assert last == list(range(len(last)))
        assert len(last) >= len(acknowledged)


def test_a_killed_reader_is_taken_over_from_its_commit(bus: Bus) -> None:
    topic, group = bus.topic(partitions=1), bus.group()
    with bus.producer() as producer, child("read", bus.url, topic, group, "7") as process:
        publish(producer, topic, [b"%d" % n for n in range(20)])
        assert process.stdout is not None
        assert process.stdout.readline() == "7\n"
        with bus.reader(group, topic) as reader:
            reader.quiet(0.5)
            assert reader.records == []
            process.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            records = reader.take(13)
            assert time.monotonic() - killed < (3 if bus.embedded else 15)
            assert [record.offset for record in records] == list(range(7, 20))
            committed = reader.consumer.committed(TopicPartition(topic, 0))
            assert committed is not None
            assert (committed.resume, committed.metadata) == (7, "from the child")


def test_a_killed_broker_loses_nothing_acknowledged(bus: Bus, request: pytest.FixtureRequest) -> None:
    """For the embedded log its writer is the broker: see above."""
    if bus.embedded:
        return
    kafka, topic = request.getfixturevalue("kafka"), bus.topic(partitions=2)
    value = os.urandom(20_000)
    with bus.producer(delivery_timeout_seconds=20.0) as producer, bus.reader(bus.group(), topic) as reader:
        futures = []
        for number in range(400):
            futures.append(producer.publish([Outgoing(topic, number % 2, b"%08d" % number + value)]))
            if number == 150:
                futures[100].result(PATIENCE)
                kafka.kill()
                with pytest.raises(LogUnavailable):
                    bus.open().check()
                kafka.start(wait=False)
        results = [future.result(PATIENCE)[0] for future in futures]
        kafka.wait()
        stored = [(number, result) for number, result in enumerate(results) if isinstance(result, int)]
        assert len(stored) > 100
        (marker,) = publish(producer, topic, [b"after"])
        assert isinstance(marker, int)
        reader.until(lambda: any(record.value == b"after" for record in reader.records), "the broker's return")
        reader.until(lambda: _ends_reached(reader.records, stored), "all that was acknowledged")
    found = {(record.partition, record.offset): record.value for record in reader.records}
    assert all(found[number % 2, offset] == b"%08d" % number + value for number, offset in stored)


def _ends_reached(records: Sequence[object], stored: list[tuple[int, int]]) -> bool:
    return len(records) > len(stored)
