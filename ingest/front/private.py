"""A directory of our own for Envoy's admin socket. One that a killed process left behind goes at the next start."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

ADMIN = "admin"
"""Name of Envoy's admin socket in the directory."""
_PREFIX = "otelhouse-ingest-"
_LOCK = "lock"


def make_directory() -> Path:
    """Make it, for this process and what it execs; its lock tells others that it is in use."""
    _remove_left()
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)  # held until the process ends, however it ends
    return directory


def remove_directory(directory: Path) -> None:
    """Remove it with all that is in it."""
    shutil.rmtree(directory, ignore_errors=True)


def _remove_left() -> None:
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or gone by now
            if directory.stat().st_uid != os.getuid():
                continue
            lock = os.open(directory / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_directory(directory)
            finally:
                os.close(lock)
