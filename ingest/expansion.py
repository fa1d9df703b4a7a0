"""Work that may take many times the bytes of what it is given: one at a time, over all signals and protocols."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager, nullcontext, suppress

LARGE_BYTES = 4 << 20
"""Work on so many bytes is large: their columns, or what their JSON becomes, may take hundreds of MiB."""

WORKING_PART = 2
"""What is kept free for such work beside the bytes themselves, as a multiple of them. It is less than hostile bytes
take, since only one such work is done at a time; but those that wait for it shall be few."""

_place = threading.Lock()


class MustWait(Exception):
    """Work turns out to be large on a thread that may not wait: it is to be done again on another."""


def working_bytes(size: int) -> int:
    """What is to be kept free for work on so many bytes."""
    return WORKING_PART * size if size >= LARGE_BYTES else 0


def expansion(size: int) -> AbstractContextManager[object]:
    """Enter it around work on so many bytes: large work waits for other large work.

    Raises MustWait on a thread with an event loop if the work is large.
    """
    if size < LARGE_BYTES:
        return nullcontext()
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise MustWait
    return _place
