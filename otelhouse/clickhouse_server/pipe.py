"""The way of a result from the engine to the event loop: a pipe that the engine writes as if it were a file.

`INTO OUTFILE '/dev/fd/N'` makes the engine format any format exactly as a server does, in bounded memory: when nobody
reads, its writer waits. (chDB's own streaming gives each chunk as a document of its own, with its own header.)
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os

_CHUNK = 1 << 20
_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)


class Pipe:
    """Read on the event loop; the writer's path is given to the engine."""

    def __init__(self) -> None:
        self._read_fd, self._write_fd = os.pipe()
        self._waiting: asyncio.Future[None] | None = None
        os.set_blocking(self._read_fd, False)
        if _F_SETPIPE_SZ is not None:
            with contextlib.suppress(OSError):  # the user's share of pipe memory is used up: a small pipe works too
                fcntl.fcntl(self._write_fd, _F_SETPIPE_SZ, _CHUNK)

    @property
    def path(self) -> str:
        """File that the engine may append to until `close_writer`."""
        return f"/dev/fd/{self._write_fd}"

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        while self._read_fd >= 0:
            try:
                return os.read(self._read_fd, _CHUNK)
            except BlockingIOError:
                await self._readable()
        return b""

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        self._waiting = ready
        loop.add_reader(self._read_fd, _resolve, ready)
        try:
            await ready
        finally:
            if self._read_fd >= 0:
                loop.remove_reader(self._read_fd)

    def close_writer(self) -> None:
        """To be called once, by the thread that ran the engine, when it has written all."""
        os.close(self._write_fd)

    def close(self) -> None:
        """Read no more: the engine's next write fails. On the event loop; may be called again."""
        if self._read_fd < 0:
            return
        asyncio.get_running_loop().remove_reader(self._read_fd)
        os.close(self._read_fd)
        self._read_fd = -1
        if self._waiting is not None:
            _resolve(self._waiting)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
