"""What a producer is promised."""

from __future__ import annotations

import os
import time

import pytest

from otelhouse.bus.contract import MAX_VALUE_BYTES, LogUnavailable, Outgoing, RecordTooLarge
from tests.contract.bus.support import PATIENCE, Bus, publish


def test_offsets_are_dense_and_order_within_a_partition_is_kept(bus: Bus) -> None:
    topic = bus.topic(partitions=2)
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        futures = [producer.publish([Outgoing(topic, n % 2, b"%d" % n)]) for n in range(200)]
        results = [future.result(PATIENCE)[0] for future in futures]
        assert results[0::2] == list(range(100))
        assert results[1::2] == list(range(100))
        records = reader.take(200)
    for partition in (0, 1):
        mine = [record for record in records if record.partition == partition]
        assert [record.offset for record in mine] == list(range(100))
        assert [int(record.value) for record in mine] == list(range(partition, 200, 2))


def test_records_of_one_call_keep_their_order_and_results_their_places(bus: Bus) -> None:
    topic = bus.topic(partitions=3)
    outgoing = [Outgoing(topic, (n * 7) % 3, b"%d" % n) for n in range(30)]
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        results = producer.publish(outgoing).result(PATIENCE)
        found = {(record.partition, record.offset): record.value for record in reader.take(30)}
    assert [found[each.partition, int(str(offset))] for each, offset in zip(outgoing, results, strict=True)] == [
        each.value for each in outgoing
    ]


def test_headers_and_append_time_come_back(bus: Bus) -> None:
    topic = bus.topic()
    headers = (("tenant", b"a"), ("items", b"12"), ("tenant", b"twice"), ("empty", b""), ("bytes", bytes(range(256))))
    before = time.time_ns() // 1_000_000
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        producer.publish([Outgoing(topic, 0, b"value", headers)]).result(PATIENCE)
        (record,) = reader.take(1)
    assert record.headers == headers
    assert before - 1 <= record.append_ms <= time.time_ns() // 1_000_000 + 1


@pytest.mark.parametrize(
    "value",
    [b"", b"\0", b"\xff\xfe not utf-8", os.urandom(MAX_VALUE_BYTES)],
    ids=["empty", "nul", "garbage", "largest"],
)
def test_any_bytes_are_a_value(bus: Bus, value: bytes) -> None:
    topic = bus.topic()
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        assert publish(producer, topic, [value, b"after"]) == [0, 1]
        assert [record.value for record in reader.take(2)] == [value, b"after"]


def test_an_oversize_value_is_refused_alone(bus: Bus) -> None:
    topic = bus.topic()
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        first, second, third = publish(producer, topic, [b"before", bytes(MAX_VALUE_BYTES + 1), b"after"])
        assert (first, third) == (0, 1)
        assert isinstance(second, RecordTooLarge)
        assert [record.value for record in reader.take(2)] == [b"before", b"after"]


def test_a_partition_that_does_not_exist_is_an_error_of_its_records_alone(bus: Bus) -> None:
    topic = bus.topic()
    with bus.producer(delivery_timeout_seconds=3.0) as producer:
        good, bad = producer.publish([Outgoing(topic, 0, b"a"), Outgoing(topic, 5, b"b")]).result(PATIENCE)
    assert good == 0
    assert isinstance(bad, LogUnavailable)


def test_the_number_of_partitions_is_known_and_grows(bus: Bus) -> None:
    topic = bus.topic(partitions=2)
    admin = bus.open().admin()
    with bus.producer() as producer:
        assert producer.partitions(topic) == 2
        admin.ensure_topic(topic, 1)
        admin.ensure_topic(topic, 5)
        deadline = time.monotonic() + PATIENCE
        while producer.partitions(topic) != 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        with pytest.raises(LogUnavailable, match="nowhere"):
            producer.partitions("nowhere")
    admin.close()


def test_too_much_at_once_is_refused_and_what_was_accepted_is_stored(bus: Bus) -> None:
    topic = bus.topic()
    value = os.urandom(800_000)  # 128 MB against a queue of 64 MiB; what compresses may leave it as fast as it comes
    with bus.producer() as producer, bus.reader(bus.group(), topic) as reader:
        futures = [producer.publish([Outgoing(topic, 0, value)] * 8) for _ in range(20)]
        results = [result for future in futures for result in future.result(PATIENCE)]
        refused = [result for result in results if not isinstance(result, int)]
        stored = [result for result in results if isinstance(result, int)]
        assert refused
        assert all(isinstance(result, LogUnavailable) for result in refused)
        assert stored == list(range(len(stored)))
        assert publish(producer, topic, [b"later"]) == [len(stored)]
        assert reader.take(len(stored) + 1)[-1].value == b"later"


def test_a_closed_producer_refuses_and_has_stored_what_it_took(bus: Bus) -> None:
    topic = bus.topic()
    producer = bus.open().producer()
    futures = [producer.publish([Outgoing(topic, 0, b"%d" % n)]) for n in range(50)]
    producer.close()
    producer.close()
    assert [future.result(0)[0] for future in futures] == list(range(50))
    assert isinstance(publish(producer, topic, [b"late"])[0], LogUnavailable)
    with pytest.raises(LogUnavailable):
        producer.partitions(topic)


def test_no_records_are_no_work(bus: Bus) -> None:
    with bus.producer() as producer:
        assert producer.publish([]).result(PATIENCE) == []
