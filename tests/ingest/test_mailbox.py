"""Work left for an event loop by other threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ingest.mailbox import Mailbox


def test_all_that_threads_post_is_done_on_the_loop_in_the_order_of_each() -> None:
    done: list[tuple[int, int]] = []

    async def scenario() -> None:
        mailbox = Mailbox(asyncio.get_running_loop())

        def post(thread: int) -> None:
            for number in range(500):
                mailbox.post(partial(done.append, (thread, number)))

        with ThreadPoolExecutor(4) as threads:
            posting = [threads.submit(post, thread) for thread in range(4)]
            async with asyncio.timeout(10):
                while len(done) < 2000:
                    await asyncio.sleep(0.001)
        assert all(future.done() for future in posting)

    asyncio.run(scenario())
    for thread in range(4):
        assert [number for of, number in done if of == thread] == list(range(500))


def test_much_that_comes_at_once_wakes_the_loop_once() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        woken: list[object] = []
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *args, **kwargs: (woken.append(args), wake(*args, **kwargs))[1]  # type: ignore[assignment]
        mailbox, done = Mailbox(loop), []
        for number in range(100):
            mailbox.post(partial(done.append, number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert done == list(range(100))
        assert len(woken) == 1

    asyncio.run(scenario())


def test_a_loop_that_is_closed_is_left_alone() -> None:
    loop = asyncio.new_event_loop()
    mailbox = Mailbox(loop)
    loop.close()
    mailbox.post(lambda: None)
