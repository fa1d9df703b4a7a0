"""Bodies are held within the budget while they are read and inflated."""

from __future__ import annotations

import asyncio

import pytest

from ingest.answer import Code, Refused
from ingest.budget import Budget
from ingest.exchange import Disconnected, Exchange, Fields
from ingest.receivers.reading import Inflating, read_body

LIMIT = 100


class Sending(Exchange):
    """A client that sends these chunks, and then the end of its body, or goes away."""

    def __init__(self, *chunks: bytes, whole: bool = True) -> None:
        super().__init__("POST", "/", {}, True, ())
        self._chunks = list(chunks)
        self._whole = whole

    @property
    def complete(self) -> bool:
        return self._whole and not self._chunks

    async def read(self) -> bytes:
        if self._chunks:
            return self._chunks.pop(0)
        if not self._whole:
            raise Disconnected
        return b""

    def answer(self, status: int, headers: Fields, body: bytes = b"", trailers: Fields = ()) -> None:
        raise NotImplementedError

    def cut(self, status: int, headers: Fields, body: bytes = b"") -> None:
        raise NotImplementedError


@pytest.mark.parametrize("chunks", [(), (b"a",), (b"a" * 50, b"b" * 50), (b"a",) * LIMIT])
def test_a_body_is_read_whole_and_given_back(chunks: tuple[bytes, ...]) -> None:
    budget = Budget(LIMIT)
    assert asyncio.run(read_body(Sending(*chunks), LIMIT, LIMIT, budget)) == b"".join(chunks)
    assert budget._taken == 0


@pytest.mark.parametrize("chunks", [(b"a" * 101,), (b"a" * 50, b"b" * 51), (b"a",) * 101])
def test_a_body_over_the_limit_is_refused_and_given_back(chunks: tuple[bytes, ...]) -> None:
    budget = Budget(10 * LIMIT)
    with pytest.raises(Refused) as refused:
        asyncio.run(read_body(Sending(*chunks), LIMIT, LIMIT, budget))
    assert (refused.value.code, budget._taken) == (Code.TOO_LARGE, 0)


def test_a_body_that_does_not_fit_beside_others_is_refused_for_now() -> None:
    budget = Budget(LIMIT)
    budget.take(60)
    with pytest.raises(Refused) as refused:
        asyncio.run(read_body(Sending(b"a" * 30, b"b" * 30), LIMIT, LIMIT, budget))
    assert (refused.value.code, budget._taken) == (Code.UNAVAILABLE, 60)


def test_a_client_that_goes_away_holds_nothing() -> None:
    budget = Budget(LIMIT)
    with pytest.raises(Disconnected):
        asyncio.run(read_body(Sending(b"a" * 50, whole=False), LIMIT, LIMIT, budget))
    assert budget._taken == 0


def test_a_large_body_counts_as_held_until_it_is_inflated() -> None:
    budget = Budget(1 << 30)
    body = b"x" * 40_000

    def inflate(content: bytes) -> bytes:
        held.append(budget._taken)
        return content

    held: list[int] = []

    async def run() -> bytes:
        return await Inflating(budget, 1)(body, inflate)

    assert asyncio.run(run()) == body
    assert (held, budget._taken) == ([len(body)], 0)
