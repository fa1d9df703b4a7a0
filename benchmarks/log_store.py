"""What the embedded log could stand on: LMDB against SQLite, and the log itself against a plain file with fsync.

The figures behind docs/adr/0002-embedded-log.md. A transaction is one group commit: all its values, one fsync.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol

import lmdb

from benchmarks.harness import Cost, Table, in_turn, measure
from otelhouse.bus.contract import Outgoing
from otelhouse.bus.embedded.log import EmbeddedLog
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings

SHAPES = {"64 KiB x 16": (64 << 10, 16, 40), "900 KiB x 4": (900 << 10, 4, 15), "1 KiB x 1": (1 << 10, 1, 200)}
"""Bytes a value, values a transaction, transactions a run."""
ROUNDS = 3


class Store(Protocol):
    def append(self, values: Sequence[bytes]) -> None: ...
    def read(self) -> int: ...
    def delete(self, count: int) -> None: ...
    def close(self) -> None: ...


class Lmdb:
    def __init__(self, directory: Path) -> None:
        self._environment = lmdb.open(str(directory), map_size=4 << 30)
        self._first = self._next = 0

    def append(self, values: Sequence[bytes]) -> None:
        with self._environment.begin(write=True) as transaction:
            for value in values:
                transaction.put(self._next.to_bytes(8, "big"), value)
                self._next += 1

    def read(self) -> int:
        with self._environment.begin(buffers=True) as transaction:
            return sum(len(bytes(value)) for _, value in transaction.cursor())

    def delete(self, count: int) -> None:
        with self._environment.begin(write=True) as transaction:
            for number in range(self._first, self._first + count):
                transaction.delete(number.to_bytes(8, "big"))
        self._first += count

    def close(self) -> None:
        self._environment.close()


class Sqlite:
    def __init__(self, directory: Path, page: int = 4096) -> None:
        self._connection = sqlite3.connect(directory / "log.db", isolation_level=None)
        for pragma in (f"page_size={page}", "journal_mode=wal", "synchronous=full"):
            self._connection.execute(f"pragma {pragma}")
        self._connection.execute("create table if not exists log (number integer primary key, value blob)")
        self._first = self._next = 0

    def append(self, values: Sequence[bytes]) -> None:
        rows = list(enumerate(values, self._next))
        self._connection.execute("begin immediate")
        self._connection.executemany("insert into log values (?, ?)", rows)
        self._connection.execute("commit")
        self._next += len(rows)

    def read(self) -> int:
        return sum(len(value) for (value,) in self._connection.execute("select value from log order by number"))

    def delete(self, count: int) -> None:
        self._first += count
        self._connection.execute("delete from log where number < ?", (self._first,))

    def close(self) -> None:
        self._connection.close()


def _sqlite_large_pages(directory: Path) -> Sqlite:
    return Sqlite(directory, page=32768)


STORES: dict[str, Callable[[Path], Store]] = {
    "LMDB": Lmdb,
    "SQLite, 4 KiB pages": Sqlite,
    "SQLite, 32 KiB pages": _sqlite_large_pages,
}


def read_elsewhere(name: str, directory: Path) -> Cost:
    """Read a store from its beginning, in the process that calls this."""
    store = STORES[name](directory)
    store.read()  # warm: what is measured is the store, not the disk
    size = store.read() >> 20
    cost = measure(size, lambda: _discard(store.read()))
    store.close()
    return cost


def _discard(_: object) -> None:
    return None


def main() -> None:
    for shape, (size, values, transactions) in SHAPES.items():
        _appends(shape, size, values, transactions)
    _reads_deletes_growth()
    _latency()


def _appends(shape: str, size: int, values: int, transactions: int) -> None:
    batch, total = [os.urandom(size)] * values, max((size * values * transactions) >> 10, 1)
    table = Table(f"append {shape}, one fsync a transaction", "KiB")
    with in_turn(table, ROUNDS) as rounds:
        for _ in rounds:
            with tempfile.TemporaryDirectory() as place:
                table.add("a plain file (floor)", measure(total, partial(_file, Path(place), batch, transactions)))
            for name, make in STORES.items():
                with tempfile.TemporaryDirectory() as place:
                    store = make(Path(place))
                    table.add(name, measure(total, partial(_repeat, store.append, batch, transactions)))
                    store.close()
            with tempfile.TemporaryDirectory() as place:
                log, work = _log(Path(place), batch, transactions)
                table.add("the embedded log", measure(total, work))
                log.close()


def _repeat(append: Callable[[Sequence[bytes]], None], batch: Sequence[bytes], times: int) -> None:
    for _ in range(times):
        append(batch)


def _file(directory: Path, batch: Sequence[bytes], times: int) -> None:
    with (directory / "file").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"".join(batch))
            os.fdatasync(file.fileno())


def _log(directory: Path, batch: Sequence[bytes], times: int) -> tuple[EmbeddedLog, Callable[[], None]]:
    """The log, and the work of publishing: a call waits for the one before it, as a transaction does."""
    log = EmbeddedLog(directory, LogSettings(), SystemClock())
    log.admin().ensure_topic("topic", 1)
    producer, outgoing = log.producer(), [Outgoing("topic", 0, value) for value in batch]

    def work() -> None:
        for _ in range(times):
            producer.publish(outgoing).result()
        producer.close()

    return log, work


def _reads_deletes_growth() -> None:
    reads = Table("read 100 MiB in another process", "MiB")
    deletes = Table("delete the older half of 100 MiB (values of 64 KiB)", "MiB")
    sizes: dict[str, int] = {}
    batch = [os.urandom(64 << 10)] * 16
    for name, make in STORES.items():
        with tempfile.TemporaryDirectory() as place:
            store = make(Path(place))
            _repeat(store.append, batch, 100)
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                reads.add(name, pool.submit(read_elsewhere, name, Path(place)).result())
            deletes.add(name, measure(50, partial(store.delete, 800)))
            for _ in range(300):  # in and out: 50 MiB are kept, 300 MiB pass through
                store.append(batch)
                store.delete(16)
            sizes[name] = sum(file.stat().st_size for file in Path(place).iterdir()) >> 20
            store.close()
    reads.show()
    deletes.show()
    for name, size in sizes.items():
        print(f"  {name:34} {size:5} MiB of files for 50 MiB kept, after 300 MiB passed through")  # noqa: T201 - its purpose


def _latency() -> None:
    """From publish() until another thread's poll() returns it, one record at a time."""
    with tempfile.TemporaryDirectory() as place:
        log = EmbeddedLog(Path(place), LogSettings(), SystemClock())
        log.admin().ensure_topic("topic", 1)
        producer, consumer = log.producer(), log.consumer("group")
        consumer.subscribe(["topic"], _discard, _discard)
        stop = threading.Event()
        waits: list[float] = []
        delays: list[float] = []

        def publish() -> None:
            while not stop.wait(0.05):
                started = time.perf_counter()
                producer.publish([Outgoing("topic", 0, repr(started).encode())]).result()
                waits.append((time.perf_counter() - started) * 1e3)

        thread = threading.Thread(target=publish)
        thread.start()
        while len(delays) < 60:
            delays += [(time.perf_counter() - float(record.value)) * 1e3 for record in consumer.poll(1.0)]
        stop.set()
        thread.join()
        producer.close()
        consumer.close()
        log.close()
    for what, values in (("publish() answered", waits), ("poll() returned it", delays)):
        print(f"  {what:34} {statistics.median(values):6.2f} ms median, {max(values):6.2f} ms worst")  # noqa: T201 - the same


if __name__ == "__main__":
    main()
