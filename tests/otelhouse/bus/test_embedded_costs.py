"""What the embedded log costs while it does nothing, and what it must not cost when it does."""

from __future__ import annotations

import re
import statistics
import threading
import time
from pathlib import Path

from otelhouse.bus.contract import Outgoing
from otelhouse.bus.embedded.log import EmbeddedLog
from otelhouse.bus.embedded.store import Store
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from tests.contract.bus.support import Reader
from tests.otelhouse.bus.child import TOPIC


def test_publishes_that_wait_share_a_transaction(log: EmbeddedLog, directory: Path) -> None:
    store = Store(directory, 16 << 20)
    producer = log.producer()
    before = store.records.last_transaction()
    futures = [producer.publish([Outgoing(TOPIC, 0, b"%d" % number)]) for number in range(2000)]
    assert [future.result(30)[0] for future in futures] == list(range(2000))
    assert store.records.last_transaction() - before < 500
    producer.close()
    store.close()


def test_what_was_answered_is_let_go(log: EmbeddedLog) -> None:
    producer = log.producer()
    for _ in range(100):
        producer.publish([Outgoing(TOPIC, 0, b"x")]).result(30)
    assert len(producer._unanswered) <= 2
    producer.close()


def test_the_store_of_records_is_told_to_sync(directory: Path) -> None:
    """A crash of the machine cannot be tried here; that LMDB syncs data and meta page before it answers can."""
    store = Store(directory, 16 << 20)
    store.records.last_transaction()
    handle = store.records._environment
    assert handle is not None
    flags = handle.flags()
    assert flags["sync"]
    assert flags["metasync"]
    assert not flags["writemap"], "a full disk would be a SIGBUS"
    store.close()


def test_a_publish_is_polled_soon(log: EmbeddedLog) -> None:
    reader, producer = Reader(log.consumer("group"), [TOPIC]), log.producer()
    reader.until(lambda: bool(reader.owned))
    delays: list[float] = []
    stop = threading.Event()

    def publish() -> None:
        while not stop.wait(0.04):
            producer.publish([Outgoing(TOPIC, 0, b"%d" % time.monotonic_ns())])

    thread = threading.Thread(target=publish)
    thread.start()
    while len(delays) < 25:
        delays += [(time.monotonic_ns() - int(record.value)) / 1e6 for record in reader.step(1.0)]
    stop.set()
    thread.join()
    assert statistics.median(delays) < 30, "milliseconds; 6 on an idle machine"
    producer.close()
    reader.consumer.close()


def test_an_idle_reader_and_writer_cost_next_to_nothing(log: EmbeddedLog) -> None:
    reader, producer = Reader(log.consumer("group"), [TOPIC]), log.producer()
    reader.quiet(0.5)
    cpu, wall = time.process_time(), time.monotonic()
    while time.monotonic() - wall < 2:
        reader.consumer.poll(0.5)
    assert (time.process_time() - cpu) / (time.monotonic() - wall) < 0.02, "about 0.01 of a core"
    producer.close()
    reader.consumer.close()


def test_reading_much_does_not_stay_in_memory(directory: Path) -> None:
    log = EmbeddedLog(directory, LogSettings(), SystemClock())
    log.admin().ensure_topic(TOPIC, 1)
    producer, consumer = log.producer(), log.consumer("group")
    before = _resident_file_mib()
    consumer.subscribe([TOPIC], lambda _: None, lambda _: None)
    for _ in range(60):
        producer.publish([Outgoing(TOPIC, 0, bytes(900_000))] * 5).result(30)
    read = 0
    while read < 300:
        read += len(consumer.poll(1.0))
    assert _resident_file_mib() - before < 100, "of 270 MB that were read through the map"
    producer.close()
    consumer.close()
    log.close()


def _resident_file_mib() -> float:
    found = re.search(r"RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 0.0 if found is None else int(found[1]) / 1024
