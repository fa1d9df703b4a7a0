"""Memory of our own processes."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LARGE_BYTES = 16 << 20
"""Blocks from this size on are mapped on their own, and unmapped when they are free."""
_MADV_DONTNEED = 4
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s+(/.*)?")


def return_large_blocks() -> None:
    """Have the C library give large blocks back as soon as they are free; once, at start.

    By itself it learns from each that is freed to keep the next ones, up to 32 MiB, in heaps, where one small block
    above them holds them all.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # a library of another kind has its own ways
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 2 * LARGE_BYTES)


def forget_start() -> None:
    """Give back pages of libraries' files that are mapped: most were read once, when the libraries were loaded.

    LLVM's and ClickHouse's alone are 70 to 100 MB. What is needed after all comes back from the system's page cache.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with suppress(OSError):  # no /proc here: then nothing is given back
        for begin, end in list(_read_only(Path("/proc/self/smaps").read_text())):
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _MADV_DONTNEED)


def _read_only(smaps: str) -> Iterator[tuple[int, int]]:
    """Mappings of files that nobody can have written to: a written page would be lost, and with it relocations."""
    found: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if mapping := _MAPPING.match(line):
            begin, end, rights, path = mapping.groups()
            ours = path is not None and rights in ("r--p", "r-xp")
            found = (int(begin, 16), int(end, 16)) if ours else None
        elif found is not None and line.startswith("Anonymous:"):
            if line.split()[1] == "0":
                yield found
            found = None
