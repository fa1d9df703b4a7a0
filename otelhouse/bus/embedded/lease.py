"""A member's proof of life: a lock on a file of its own, which the kernel drops the moment it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Lease:
    """Held from creation to release(), or to the end of the process however it ends."""

    def __init__(self, directory: Path, member: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / member
        self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Give it up. May be called twice."""
        if self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def alive(directory: Path, member: str) -> bool:
    """Whether a process holds this member's lease."""
    try:
        file = os.open(directory / member, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def forget(directory: Path, member: str) -> None:
    """Remove what a dead member left."""
    (directory / member).unlink(missing_ok=True)
