"""How much of the machine this process may use, and does. Linux; elsewhere memory counts as unused."""

from __future__ import annotations

import os
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_PAGE = resource.getpagesize()
CPU_SECONDS = 5.0
"""CPU is measured over this long: a second at full speed is what a CPU is for."""


def memory_limit(setting: int) -> int:
    """Bytes that this process may use: as set, else the container's limit, else the machine's memory."""
    if setting:
        return setting
    limits = [int(text) for text in _cgroup("memory.max") if text.isdigit()]
    return min([*limits, os.sysconf("SC_PHYS_PAGES") * _PAGE])


def memory_used() -> int:
    """Bytes of this process in memory."""
    fields = _read(Path("/proc/self/statm")).split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def cpus() -> float:
    """CPUs that this process may use at a time."""
    shares = [float(len(os.sched_getaffinity(0)))]
    for text in _cgroup("cpu.max"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and period.isdigit():
            shares.append(int(quota) / int(period))
    return min(shares)


def _cgroup(name: str) -> Iterator[str]:
    """A file of this process' control group and of those around it (version 2)."""
    own = _CGROUP / _read(Path("/proc/self/cgroup")).rpartition("0::/")[2]
    for directory in (own, *own.parents):
        if directory.is_relative_to(_CGROUP):
            yield _read(directory / name)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class Share:
    """What part of its time something spent computing, over the last seconds."""

    def __init__(self, spent: Callable[[], float], cpus: float) -> None:
        """`spent`: CPU seconds so far."""
        self._spent = spent
        self._cpus = cpus
        self._seen: deque[tuple[float, float]] = deque()

    def look(self, now: float) -> float:
        """The share up to now, monotonic seconds; 0 until there is enough to tell."""
        self._seen.append((now, self._spent()))
        while len(self._seen) > 2 and now - self._seen[1][0] >= CPU_SECONDS:
            self._seen.popleft()
        (begin, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - begin) / self._cpus if end - begin >= CPU_SECONDS else 0.0


def thread_seconds(thread: int) -> float:
    """CPU seconds of a live thread, by its identity in `threading`."""
    return time.clock_gettime(time.pthread_getcpuclockid(thread))
