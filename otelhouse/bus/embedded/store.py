"""The log's directory: records and groups in an LMDB environment each, and a lock file per member.

Two environments, because a write transaction excludes all others: a commit of a group shall not wait
for the fsync of a large append. `groups` leaves its meta page unsynced, so a crash of the machine
(not of a process) may undo the last commits, which makes their records be read again and no more.
"""

from __future__ import annotations

import threading
from pathlib import Path

from otelhouse.bus.embedded.environment import Environment

_GROUPS_MAP_BYTES = 256 << 20
_SLACK_BYTES = 1 << 30


class Store:
    """Shared by the producers, consumers and admins that one `Log` gave out. Opens nothing by itself."""

    def __init__(self, directory: Path, retention_bytes: int) -> None:
        # Address space, not disk: deleted pages can be used again only after a while, and in runs that fit.
        map_size = 2 * retention_bytes + _SLACK_BYTES
        self.directory = directory.absolute()
        self.members = self.directory / "members"
        self.records = Environment.share(self.directory / "records", map_size)
        self.groups = Environment.share(self.directory / "groups", _GROUPS_MAP_BYTES, metasync=False)
        self._closed = threading.Event()

    def close(self) -> None:
        """Release the files. May be called twice."""
        if not self._closed.is_set():
            self._closed.set()
            self.records.release()
            self.groups.release()
