"""The data directory: held by one `up` at a time, and checked before anything is started in it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from otelhouse.clock import Clock
from otelhouse.errors import StartupError

MIN_FREE_BYTES = 256 << 20
"""Less than this is no room for the embedded log, PostgreSQL's and ClickHouse's own files."""

_LOCK_FILE = "up.lock"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class HeldDirectory:
    """`path` is absolute. Children inherit `lock`: the directory is free only when the last of them has ended."""

    path: Path
    lock: int


@contextmanager
def hold(data: Path, clock: Clock) -> Iterator[HeldDirectory]:
    """Create and lock the directory. Raises StartupError if it cannot be used or another process holds it."""
    path = data.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StartupError(f"data: cannot write to {path}: {error.strerror}") from None
    try:
        _take(lock, path, clock)
        _check_free_space(path)
        yield HeldDirectory(path, lock)
    finally:
        os.close(lock)


def _take(lock: int, path: Path, clock: Clock) -> None:
    deadline = clock.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = _holder(lock)
            # A killed `up` leaves children that hold the lock until they have noticed.
            if _is_alive(holder) or clock.monotonic() > deadline:
                raise StartupError(f"data: {path} is held by another process (pid {holder})") from None
            time.sleep(0.05)
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except OSError as error:
        raise StartupError(f"data: cannot write to {path}: {error.strerror}") from None


def _holder(lock: int) -> int:
    text = os.pread(lock, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    if pid == 0:  # the holder has not written its id yet
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _check_free_space(path: Path) -> None:
    free = shutil.disk_usage(path).free
    if free < MIN_FREE_BYTES:
        raise StartupError(f"data: {path} has {free >> 20} MB free, at least {MIN_FREE_BYTES >> 20} MB are needed")
