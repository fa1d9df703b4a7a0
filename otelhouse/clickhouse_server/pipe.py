"""The way between the event loop and the engine: pipes that the engine uses as if they were files.

`INTO OUTFILE '/dev/fd/N'` makes the engine format any format as a server does, and `FROM INFILE '/dev/fd/N'` makes it
parse any, in bounded memory: whoever is ahead waits. chDB's own streaming does not serve: its send_query gives each
chunk as a document with a header of its own, and its send_insert says nothing of an error in the last block, which is
then lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable

_CHUNK = 1 << 20
_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)


class _Pipe:
    """Our end, on the event loop; the engine's end is closed by the thread that ran the engine."""

    def __init__(self, ours: int, engines: int) -> None:
        self._ours = ours
        self._engines = engines
        self._waiting: asyncio.Future[None] | None = None
        os.set_blocking(ours, False)
        if _F_SETPIPE_SZ is not None:
            with contextlib.suppress(OSError):  # the user's share of pipe memory is used up: a small pipe works too
                fcntl.fcntl(ours, _F_SETPIPE_SZ, _CHUNK)

    @property
    def path(self) -> str:
        """The file for the engine, until `release`."""
        return f"/dev/fd/{self._engines}"

    def release(self) -> None:
        """Close the engine's end: once, when the engine is done with it, on any thread."""
        os.close(self._engines)

    def close(self) -> None:
        """Close our end, on the event loop; may be called again."""
        if self._ours < 0:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._ours)
        loop.remove_writer(self._ours)
        os.close(self._ours)
        self._ours = -1
        if self._waiting is not None:
            _resolve(self._waiting)

    async def _until(self, add: Callable[..., None], remove: Callable[[int], bool]) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        add(self._ours, _resolve, self._waiting)
        try:
            await self._waiting
        finally:
            if self._ours >= 0:
                remove(self._ours)


class ResultPipe(_Pipe):
    """The engine writes, we read. If we close, its next write fails."""

    def __init__(self) -> None:
        super().__init__(*os.pipe())

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        loop = asyncio.get_running_loop()
        while self._ours >= 0:
            try:
                return os.read(self._ours, _CHUNK)
            except BlockingIOError:
                await self._until(loop.add_reader, loop.remove_reader)
        return b""


class DataPipe(_Pipe):
    """We write, the engine reads. If we close, it has read all, and commits: stop it before, if it must not."""

    def __init__(self) -> None:
        theirs, ours = os.pipe()
        super().__init__(ours, theirs)

    async def write(self, data: bytes) -> bool:
        """Hand over all of `data`; False if the engine has ended before, and so `release` was called."""
        loop, rest = asyncio.get_running_loop(), memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._ours, rest) :]
            except BlockingIOError:
                await self._until(loop.add_writer, loop.remove_writer)
            except BrokenPipeError:
                return False
        return True


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
