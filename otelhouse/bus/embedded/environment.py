"""One LMDB environment, opened when first needed and shared by everything in this process.

LMDB forbids a process to open the same files twice, so open environments are found by their path. All
errors of LMDB leave here as errors of the log.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb

from otelhouse.bus.contract import LogBusy, LogFull, LogUnavailable

MAX_READERS = 1024
RECYCLE_BYTES = 64 << 20
"""Pages that were read stay in the process' resident set until the file is unmapped; do so now and then."""

_UNUSABLE = (lmdb.InvalidError, lmdb.VersionMismatchError, lmdb.IncompatibleError, lmdb.CorruptedError)
_open: dict[Path, Environment] = {}
_open_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction over tables, which share one B-tree: a table is a first byte that its keys begin with.

    LMDB's own named tables cannot be opened without its write lock, which a process that hangs may hold.
    """

    raw: lmdb.Transaction[memoryview]

    @property
    def number(self) -> int:
        """Number of the last transaction that this snapshot shows (of this one, if it writes)."""
        return self.raw.id()

    def get(self, table: bytes, key: bytes) -> memoryview | None:
        return self.raw.get(table + key)

    def put(self, table: bytes, key: bytes, value: bytes | bytearray) -> None:
        self.raw.put(table + key, value)

    def delete(self, table: bytes, key: bytes) -> None:
        self.raw.delete(table + key)

    def values(self, table: bytes, first: bytes) -> Iterator[memoryview]:
        """Values from this key on, to the end of the store: the caller knows where to stop."""
        cursor = self.raw.cursor()
        found = cursor.set_range(table + first)
        while found:
            yield cursor.value()
            found = cursor.next()

    def under(self, table: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows whose key begins with `prefix`, in order, without the prefix. Do not write while iterating."""
        cursor = self.raw.cursor()
        whole = table + prefix
        found = cursor.set_range(whole)
        while found:
            key = bytes(cursor.key())
            if not key.startswith(whole):
                return
            yield key[len(whole) :], bytes(cursor.value())
            found = cursor.next()


class Environment:
    """Use `share()` and `release()`; thread-safe."""

    def __init__(self, path: Path, map_size: int, metasync: bool) -> None:
        self._path = path
        self._map_size = map_size
        self._metasync = metasync
        self._users = 0
        self._active = 0
        self._bytes_read = 0
        self._idle = threading.Condition()
        self._environment: lmdb.Environment | None = None

    @classmethod
    def share(cls, path: Path, map_size: int, metasync: bool = True) -> Environment:
        """The environment at this path; without `metasync` a crash of the machine may undo the last commits."""
        path = path.resolve()
        with _open_lock:
            environment = _open.setdefault(path, cls(path, map_size, metasync))
            environment._users += 1
            return environment

    def release(self) -> None:
        """The last user closes the files."""
        with _open_lock:
            self._users -= 1
            if self._users:
                return
            _open.pop(self._path, None)
        with self._idle:
            self._idle.wait_for(lambda: not self._active, timeout=10)
            self._close()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot. Keep it short: space that it sees cannot be used again."""
        with self._translated(), self._handle() as handle:
            try:
                raw = handle.begin(buffers=True)
            except lmdb.ReadersFullError:  # left by killed processes
                handle.reader_check()
                raw = handle.begin(buffers=True)
            except lmdb.MapResizedError:  # a process with a larger retention has been here
                handle.set_mapsize(0)
                raw = handle.begin(buffers=True)
            with raw:
                yield Transaction(raw)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """The one write transaction of all processes; durable on exit, undone by an exception."""
        with self._translated(), self._handle() as handle:
            try:
                raw = handle.begin(write=True, buffers=True)
            except lmdb.MapResizedError:
                handle.set_mapsize(0)
                raw = handle.begin(write=True, buffers=True)
            with raw:
                yield Transaction(raw)

    def last_transaction(self) -> int:
        """Number of the last transaction committed by any process: a cheap look for news."""
        # Asked hundreds of times a second by idle readers, so without the ceremony of a transaction.
        with self._idle:
            if self._environment is not None:
                return int(self._environment.info()["last_txnid"])
        with self._translated(), self._handle() as handle:
            return int(handle.info()["last_txnid"])

    def clear_dead_readers(self) -> int:
        """Free the slots of readers that were killed; they would hold deleted space. Returns how many."""
        with self._translated(), self._handle() as handle:
            return handle.reader_check()

    def was_read(self, size: int) -> None:
        """Count bytes that were read through the map, and give the memory back when they are many."""
        with self._idle:
            self._bytes_read += size
            if self._bytes_read >= RECYCLE_BYTES and not self._active:
                self._close()

    @contextmanager
    def _handle(self) -> Iterator[lmdb.Environment]:
        with self._idle:
            handle = self._environment or self._opened()
            self._active += 1
        broken = False
        try:
            yield handle
        except lmdb.PanicError:  # a failed write of the meta page: this handle will do nothing more
            broken = True
            raise
        finally:
            with self._idle:
                self._active -= 1
                if not self._active:
                    if broken:
                        self._close()
                    self._idle.notify_all()

    def _opened(self) -> lmdb.Environment:
        self._path.mkdir(parents=True, exist_ok=True)
        handle = lmdb.open(
            str(self._path),
            map_size=self._map_size,
            max_readers=MAX_READERS,
            metasync=self._metasync,
            readahead=False,
            meminit=True,  # or what else lies in our memory, data not masked yet, would fill unused parts of pages
        )
        try:
            handle.reader_check()
        except BaseException:
            handle.close()
            raise
        self._environment = handle
        return handle

    def _close(self) -> None:
        self._bytes_read = 0
        if self._environment is not None:
            self._environment.close()
            self._environment = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except lmdb.MapFullError:
            raise LogFull(f"log directory {self._path}: the store has reached its largest size") from None
        except _UNUSABLE as error:
            raise LogBusy(f"log directory {self._path} is not a log of ours: {error}") from None
        except lmdb.Error as error:
            raise LogUnavailable(f"log directory {self._path}: {error}") from None
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                raise LogBusy(f"log directory {self._path}: {error.strerror}") from None
            raise LogUnavailable(f"log directory {self._path}: {error.strerror}") from None
