"""Large work waits for other large work, and never on an event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ingest.budget import Budget
from ingest.expansion import LARGE_BYTES, MustWait, expansion
from ingest.receivers.reading import Inflating


def test_large_work_waits_for_large_work_and_small_work_for_none() -> None:
    order: list[str] = []

    def another() -> None:
        with expansion(LARGE_BYTES):
            order.append("another")

    with expansion(LARGE_BYTES):
        waiting = threading.Thread(target=another)
        waiting.start()
        waiting.join(0.05)
        with expansion(LARGE_BYTES - 1):
            order.append("small")
        order.append("first")
    waiting.join()
    assert order == ["small", "first", "another"]


def test_what_turns_out_to_be_large_on_the_event_loop_is_done_again_beside_it() -> None:
    threads: list[int] = []

    def inflate(body: bytes) -> bytes:
        threads.append(threading.get_ident())
        with expansion(LARGE_BYTES):
            return body * 2

    async def run() -> bytes:
        with pytest.raises(MustWait):
            expansion(LARGE_BYTES)
        return await Inflating(Budget(1 << 30), 1000)(b"small", inflate)

    assert asyncio.run(run()) == b"smallsmall"
    assert threads[0] == threading.get_ident() != threads[1]
