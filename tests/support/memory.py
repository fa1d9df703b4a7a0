"""Memory of a process and its children, sampled while something goes on."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import TracebackType

_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB", re.MULTILINE)


def resident(pid: int) -> int:
    """Bytes that a process and all below it hold in memory, without pages of files: those of the embedded log are
    mapped, and the system takes them back when it needs them."""
    total, wanted = 0, [pid]
    while wanted:
        process = wanted.pop()
        try:
            found = _ANONYMOUS.search(Path(f"/proc/{process}/status").read_text())
            total += int(found[1]) << 10 if found else 0
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                wanted += map(int, children.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return total


class Peak:
    """Watches a process while the context lasts; `bytes`: the most that was seen."""

    def __init__(self, pid: int, seconds: float = 0.02) -> None:
        self.bytes = resident(pid)
        self._pid = pid
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            self.bytes = max(self.bytes, resident(self._pid))
