"""An HTTP/2 connection, frame by frame (RFC 9113). h2spec goes through the rest: tests/conformance/http2."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from ingest.exchange import Exchange
from ingest.front.connection import UNREAD_BYTES
from ingest.front.http2 import frames
from ingest.front.http2.abuse import CONTROLS, RESETS
from ingest.front.http2.connection import WINDOW
from ingest.front.http2.frames import frame
from ingest.front.http2.stream import FIRST_WINDOW
from ingest.front.http2.stream import WINDOW as STREAM_WINDOW
from tests.ingest.front.http2.peer import REQUEST, Frame, Peer, data

Scenario = Callable[[], Awaitable[None]]


def run(scenario: Scenario) -> None:
    asyncio.run(scenario())  # type: ignore[arg-type]  # each is a coroutine function


def body_of(found: list[Frame], stream: int = 1) -> bytes:
    return b"".join(payload for kind, _, number, payload in found if kind == frames.DATA and number == stream)


def kinds(found: list[Frame], stream: int = 1) -> list[int]:
    return [kind for kind, _, number, _ in found if number == stream]


async def ignore(exchange: Exchange) -> None:
    """Never answers."""


def test_a_call_is_answered_with_headers_body_and_trailers() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(peer.headers(1), data(1, b"hel"), data(1, b"lo", end=True))
        found = [f for f in await peer.settle() if f[2] == 1]
        assert [(kind, flags) for kind, flags, _, _ in found] == [
            (frames.HEADERS, frames.END_HEADERS),
            (frames.DATA, 0),
            (frames.HEADERS, frames.END_HEADERS | frames.END_STREAM),
        ]
        assert list(peer.decoder.decode(found[0][3])) == [(":status", "200"), ("x", "y")]
        assert found[1][3] == b"hello"
        assert list(peer.decoder.decode(found[2][3])) == [("end", "1")]

    run(scenario)


@pytest.mark.parametrize("size", [1, 2, 7, 9, 10, 100, 1 << 14])
def test_bytes_may_come_in_any_pieces(size: int) -> None:
    async def scenario() -> None:
        peer = Peer(greeting=b"")
        sent = frames.PREFACE + frames.settings({}) + peer.headers(1) + data(1, b"a" * 500) + data(1, b"b", end=True)
        for at in range(0, len(sent), size):
            peer.send(sent[at : at + size])
        assert body_of(await peer.settle()) == b"a" * 500 + b"b"

    run(scenario)


def test_many_streams_may_be_under_way_and_none_mixes_with_another() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(*(peer.headers(stream) for stream in (1, 3, 5)))
        peer.send(*(data(stream, b"%d" % stream) for stream in (5, 1, 3)))
        peer.send(*(data(stream, b"!", end=True) for stream in (3, 5, 1)))
        found = await peer.settle()
        assert [body_of(found, stream) for stream in (1, 3, 5)] == [b"1!", b"3!", b"5!"]

    run(scenario)


def test_what_nobody_reads_is_bounded_by_the_first_window_and_more_is_a_breach() -> None:
    async def scenario() -> None:
        peer = Peer(ignore)
        peer.send(peer.headers(1))
        await peer.settle()
        peer.send(*(data(1, bytes(frames.FRAME_BYTES)) for _ in range(FIRST_WINDOW // frames.FRAME_BYTES)))
        assert await peer.settle() == []
        assert peer.front.unread == FIRST_WINDOW
        peer.send(data(1, b"x"))
        ((kind, _, number, payload),) = await peer.settle()
        assert (kind, number, payload[-1]) == (frames.RESET, 1, frames.FLOW_CONTROL)
        assert peer.front.unread == 0

    run(scenario)


def test_who_is_read_gets_a_larger_window_and_what_was_read_back() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(peer.headers(1))
        granted = [payload for kind, _, number, payload in await peer.settle() if (kind, number) == (frames.WINDOW, 1)]
        assert [int.from_bytes(payload, "big") for payload in granted] == [STREAM_WINDOW - FIRST_WINDOW]
        whole, left = 3 * WINDOW, STREAM_WINDOW
        connection = WINDOW
        while whole:
            size = min(frames.FRAME_BYTES, whole, left, connection)
            assert size > 0, "a client that keeps to its windows is stuck"
            peer.send(data(1, bytes(size), end=size == whole))
            whole, left, connection = whole - size, left - size, connection - size
            for kind, _, number, payload in await peer.settle():
                if kind == frames.WINDOW:
                    left += int.from_bytes(payload, "big") if number else 0
                    connection += 0 if number else int.from_bytes(payload, "big")
        assert peer.front.unread == 0

    run(scenario)


def test_a_padded_frame_counts_whole_against_the_windows() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(peer.headers(1))
        padded = frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x05hello" + bytes(5))
        peer.send(padded)
        assert body_of(await peer.settle()) == b"hello"
        assert peer.connection._returning == 11

    run(scenario)


@pytest.mark.parametrize("initial", [0, 1, 5, 1000])
def test_an_answer_waits_for_the_windows_of_its_client(initial: int) -> None:
    async def scenario() -> None:
        peer = Peer(greeting=frames.PREFACE + frames.settings({frames.INITIAL_WINDOW: initial}))
        sent = bytes(range(256)) * 20
        peer.send(peer.headers(1), data(1, sent, end=True))
        got = body_of(await peer.settle())
        assert got == sent[:initial]
        peer.send(frames.window_update(1, 100))
        got += body_of(await peer.settle())
        assert got == sent[: initial + 100]
        peer.send(frames.settings({frames.INITIAL_WINDOW: initial + 50}))
        got += body_of(await peer.settle())
        assert got == sent[: initial + 150]
        peer.send(frames.window_update(1, 1 << 20))
        found = await peer.settle()
        assert got + body_of(found) == sent
        assert kinds(found)[-1] == frames.HEADERS  # the trailers

    run(scenario)


def test_an_answer_larger_than_the_connections_window_waits_for_that() -> None:
    async def scenario() -> None:
        sent = bytes(100_000)

        async def large(exchange: Exchange) -> None:
            exchange.answer(200, (), sent)

        peer = Peer(large, greeting=frames.PREFACE + frames.settings({frames.INITIAL_WINDOW: 1 << 20}))
        peer.send(peer.headers(1, end=True))
        got = body_of(await peer.settle())
        assert len(got) == frames.DEFAULT_WINDOW
        peer.send(frames.window_update(0, 1 << 20))
        found = await peer.settle()
        assert got + body_of(found) == sent
        assert found[-1][1] & frames.END_STREAM

    run(scenario)


def test_an_answer_before_the_body_has_come_resets_the_rest_of_it() -> None:
    async def early(exchange: Exchange) -> None:
        exchange.answer(404, ())

    async def scenario() -> None:
        peer = Peer(early)
        peer.send(peer.headers(1))
        found = await peer.settle()
        assert kinds(found) == [frames.HEADERS, frames.RESET]
        assert int.from_bytes(found[-1][3], "big") == frames.NO_ERROR
        peer.send(data(1, b"on its way"), data(1, b"", end=True))  # which it was when we answered
        assert kinds(await peer.settle()) == []
        peer.send(peer.headers(3, end=True))
        assert kinds(await peer.settle(), 3) == [frames.HEADERS]

    run(scenario)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (frame(frames.DATA, 0, 0, b"x"), frames.PROTOCOL),
        (frame(frames.DATA, 0, 9, b"x"), frames.PROTOCOL),
        (frame(frames.HEADERS, frames.END_HEADERS, 2, b"\x82"), frames.PROTOCOL),
        (frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"), frames.COMPRESSION),
        (frame(frames.HEADERS, frames.END_HEADERS | frames.PADDED, 1, b"\x09abc"), frames.PROTOCOL),
        (frame(frames.HEADERS, 0, 1, b"\x82") + frame(frames.PING, 0, 0, bytes(8)), frames.PROTOCOL),
        (frame(frames.CONTINUATION, frames.END_HEADERS, 1, b"\x82"), frames.PROTOCOL),
        (frame(frames.RESET, 0, 1, bytes(4)), frames.PROTOCOL),
        (frame(frames.RESET, 0, 1, bytes(3)), frames.FRAME_SIZE),
        (frame(frames.SETTINGS, 0, 0, bytes(5)), frames.FRAME_SIZE),
        (frame(frames.SETTINGS, frames.ACK, 0, bytes(6)), frames.FRAME_SIZE),
        (frame(frames.SETTINGS, 0, 1), frames.PROTOCOL),
        (frames.settings({frames.INITIAL_WINDOW: 1 << 31}), frames.FLOW_CONTROL),
        (frames.settings({frames.MAX_FRAME: 100}), frames.PROTOCOL),
        (frames.settings({frames.ENABLE_PUSH: 2}), frames.PROTOCOL),
        (frame(frames.PING, 0, 0, bytes(7)), frames.FRAME_SIZE),
        (frame(frames.PING, 0, 1, bytes(8)), frames.PROTOCOL),
        (frames.window_update(0, 0), frames.PROTOCOL),
        (frames.window_update(0, (1 << 31) - 1), frames.FLOW_CONTROL),
        (frames.window_update(7, 1), frames.PROTOCOL),
        (frame(frames.PUSH, 0, 1, bytes(8)), frames.PROTOCOL),
        (frame(frames.PRIORITY, 0, 0, bytes(5)), frames.PROTOCOL),
        (frame(frames.GOAWAY, 0, 1, bytes(8)), frames.PROTOCOL),
        ((frames.FRAME_BYTES + 1).to_bytes(3, "big") + bytes(6), frames.FRAME_SIZE),
        (frame(200, 0, 0, b"of an extension"), None),
        (frame(frames.GOAWAY, 0, 0, bytes(8)), None),
        (frames.settings({99: 7}), None),
    ],
)
def test_a_breach_of_the_protocol_ends_the_connection_and_names_its_kind(sent: bytes, error: int | None) -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(sent)
        assert await peer.error() == error

    run(scenario)


def test_other_bytes_than_the_preface_or_settings_end_it() -> None:
    async def scenario() -> None:
        for greeting in (b"x" * 24, frames.PREFACE + frame(frames.PING, 0, 0, bytes(8))):
            assert await Peer(greeting=greeting).error() == frames.PROTOCOL

    run(scenario)


@pytest.mark.parametrize(
    "flood",
    [
        frame(frames.PING, 0, 0, bytes(8)),
        frames.settings({}),
        frame(frames.PRIORITY, 0, 99, bytes(5)),
        frame(frames.GOAWAY, 0, 0, bytes(8)),
        frame(77, 0, 0),
        data(1, b""),
        frames.window_update(0, 1),
    ],
    ids=["ping", "settings", "priority", "goaway", "unknown", "empty data", "window update"],
)
def test_a_flood_of_frames_that_lead_nowhere_ends_the_connection(flood: bytes) -> None:
    async def scenario() -> None:
        peer = Peer(ignore)
        peer.send(peer.headers(1))
        peer.send(flood * (CONTROLS - 10))
        assert await peer.error() is None
        peer.send(flood * 20)
        assert await peer.error() == frames.CALM

    run(scenario)


def test_answered_calls_and_time_pay_for_pings() -> None:
    async def scenario() -> None:
        peer = Peer()
        ping = frame(frames.PING, 0, 0, bytes(8))
        for number in range(500):
            peer.send(ping * 8, peer.headers(2 * number + 1, end=True))
            await peer.settle()
        for _ in range(20):
            peer.send(ping * 400)
            peer.pass_time(10.0)
        assert await peer.error() is None

    run(scenario)


def test_a_flood_of_calls_that_are_reset_at_once_ends_the_connection() -> None:
    async def scenario() -> None:
        peer = Peer(ignore)
        for number in range(RESETS + 1):
            peer.send(peer.headers(2 * number + 1), frames.reset(2 * number + 1, 8))
        assert await peer.error() == frames.CALM

    run(scenario)


def test_what_is_on_its_way_to_calls_that_were_refused_is_no_flood() -> None:
    async def refuse(exchange: Exchange) -> None:
        exchange.answer(429, ())

    async def scenario() -> None:
        peer = Peer(refuse)
        for number in range(300):
            stream = 2 * number + 1
            peer.send(peer.headers(stream))
            await peer.settle()
            peer.send(data(stream, bytes(1000)) * 20)
        assert await peer.error() is None
        assert len(peer.connection._cut) <= 1000

    run(scenario)


@pytest.mark.parametrize(
    "provoke",
    [
        lambda stream: data(stream, b"x"),
        lambda stream: frames.window_update(stream, 0),
        lambda stream: frame(frames.PRIORITY, 0, stream, bytes(4)),
    ],
    ids=["data after the end", "no window", "priority"],
)
def test_calls_that_the_client_makes_us_reset_count_as_its_own(provoke: Callable[[int], bytes]) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(3600)

    async def scenario() -> None:
        peer = Peer(slow, {"max_concurrent_streams": 10})
        for number in range(3000):
            if peer.transport.closed:
                break
            stream = 2 * number + 1
            peer.send(peer.headers(stream, end=True), provoke(stream))
            await asyncio.sleep(0)
        assert peer.front.under_way <= RESETS + 10
        assert await peer.error() == frames.CALM

    run(scenario)


def test_a_body_that_nobody_will_read_is_let_go_while_its_answer_waits() -> None:
    async def refuse(exchange: Exchange) -> None:
        exchange.answer(404, (), b"not found")

    async def scenario() -> None:
        peer = Peer(refuse, greeting=frames.PREFACE + frames.settings({frames.INITIAL_WINDOW: 0}))
        for number in range(15):
            stream = 2 * number + 1
            peer.send(peer.headers(stream), *(data(stream, bytes(frames.FRAME_BYTES)) for _ in range(8)))
            await peer.settle()
            peer.send(*(data(stream, bytes(frames.FRAME_BYTES)) for _ in range(8)))
            await peer.settle()
            assert peer.front.unread == 0
        peer.send(data(1, b"", end=True), frames.window_update(1, 100))
        assert kinds(await peer.settle(), 1) == [frames.DATA]

    run(scenario)


def test_an_answer_to_head_has_no_body() -> None:
    async def scenario() -> None:
        peer = Peer()
        block = peer.encoder.encode([(":method", "HEAD"), *REQUEST[1:]])
        peer.send(frame(frames.HEADERS, frames.END_HEADERS, 1, block), data(1, b"body", end=True))
        assert frames.DATA not in kinds(await peer.settle())

    run(scenario)


def test_padding_is_given_back_to_the_streams_window() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(peer.headers(1))
        await peer.settle()
        left = STREAM_WINDOW
        for _ in range(5000):
            assert left >= 1256, "a client that keeps to its windows is stuck"
            peer.send(frame(frames.DATA, frames.PADDED, 1, b"\xff" + bytes(1000 + 255)))
            left -= 1256
            for kind, _, number, payload in await peer.settle():
                left += int.from_bytes(payload, "big") if kind == frames.WINDOW and number else 0

    run(scenario)


def test_a_header_block_without_end_ends_the_connection() -> None:
    async def scenario() -> None:
        peer = Peer(settings={"max_header_bytes": 4096})
        peer.send(frame(frames.HEADERS, 0, 1, b"\x82"))
        peer.send(*(frame(frames.CONTINUATION, 0, 1, bytes(1000)) for _ in range(5)))
        assert await peer.error() == frames.CALM

    run(scenario)


@pytest.mark.parametrize("more", [[("large", "x" * 5000)], [("n", "v")] * 101], ids=["bytes", "number"])
def test_headers_over_the_limit_are_answered_with_431(more: list[tuple[str, str]]) -> None:
    async def scenario() -> None:
        peer = Peer(settings={"max_header_bytes": 4096})
        block = peer.encoder.encode([*REQUEST, *more], huffman=True)
        peer.send(frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, block))
        found = await peer.settle()
        assert (":status", "431") in list(peer.decoder.decode(found[-1][3]))
        peer.send(peer.headers(3, end=True))
        assert kinds(await peer.settle(), 3) == [frames.HEADERS, frames.HEADERS]

    run(scenario)


def test_more_streams_than_allowed_are_refused_so_that_the_client_tries_again() -> None:
    async def scenario() -> None:
        peer = Peer(ignore, {"max_concurrent_streams": 2})
        peer.send(*(peer.headers(stream) for stream in (1, 3, 5)))
        assert (frames.RESET, 0, 5, frames.REFUSED.to_bytes(4, "big")) in await peer.settle()
        assert set(peer.connection._streams) == {1, 3}

    run(scenario)


def test_while_too_much_is_unread_nobody_may_bring_more() -> None:
    async def scenario() -> None:
        peer = Peer(ignore)
        peer.send(peer.headers(1), data(1, b"before"))
        peer.front.unread = UNREAD_BYTES + 1
        peer.send(data(1, b"after"))
        found = await peer.settle()
        assert (found[-1][0], found[-1][3][-1]) == (frames.RESET, frames.REFUSED)

    run(scenario)


def test_a_body_of_another_length_than_declared_is_no_request() -> None:
    async def scenario() -> None:
        for declared, sent in (("4", b"hello"), ("6", b"hello")):
            peer = Peer()
            peer.send(peer.headers(1, ("content-length", declared)), data(1, sent, end=True))
            found = await peer.settle()
            assert (found[-1][0], found[-1][3][-1]) == (frames.RESET, frames.PROTOCOL)

    run(scenario)


def test_time_limits() -> None:
    async def scenario() -> None:
        limits = {"header_timeout_seconds": 1, "request_timeout_seconds": 5, "idle_timeout_seconds": 20}
        late = Peer(settings=limits, greeting=frames.PREFACE)
        late.pass_time(1.5)
        assert await late.error() == frames.NO_ERROR
        half = Peer(settings=limits)
        half.send(frame(frames.HEADERS, 0, 1, b"\x82"))
        half.pass_time(1.5)
        assert await half.error() == frames.NO_ERROR
        slow = Peer(settings=limits)
        slow.send(slow.headers(1), data(1, b"x"))
        await slow.settle()
        slow.pass_time(5.5)
        found = await slow.settle()
        assert (":status", "408") in list(slow.decoder.decode(next(f[3] for f in found if f[0] == frames.HEADERS)))
        slow.pass_time(19.0)
        assert await slow.error() is None
        slow.pass_time(1.5)
        assert await slow.error() == frames.NO_ERROR

    run(scenario)


def test_a_drain_lets_what_is_under_way_end_and_takes_nothing_new() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(peer.headers(1), data(1, b"under way"))
        await peer.settle()
        peer.connection.drain()
        ((kind, _, _, payload),) = [f for f in await peer.settle() if f[0] == frames.GOAWAY]
        assert (kind, int.from_bytes(payload[:4], "big"), peer.transport.closed) == (frames.GOAWAY, 1, False)
        peer.send(peer.headers(3, end=True), data(1, b"!", end=True))
        found = await peer.settle()
        assert body_of(found) == b"under way!"
        assert kinds(found, 3) == []
        assert peer.transport.closed

    run(scenario)


def test_a_call_that_crosses_our_goodbye_disturbs_none_that_is_under_way() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.send(peer.headers(1), data(1, b"under way"))
        await peer.settle()
        peer.connection.drain()
        peer.send(peer.headers(3), data(3, b"crossed"), data(3, b"", end=True), data(1, b"!", end=True))
        found = await peer.settle()
        assert body_of(found) == b"under way!"
        promised = [payload[:4] for kind, _, _, payload in found if kind == frames.GOAWAY]
        assert promised == [(1).to_bytes(4, "big")]

    run(scenario)


def test_an_old_connection_is_asked_to_end_and_then_ended() -> None:
    async def scenario() -> None:
        peer = Peer(ignore, {"max_connection_age_seconds": 10, "max_connection_age_grace_seconds": 3})
        peer.send(peer.headers(1))
        peer.pass_time(8.9)
        assert peer.connection._leaving is False
        peer.pass_time(2.2)
        assert frames.GOAWAY in kinds(await peer.settle(), 0)
        assert not peer.transport.closed
        peer.pass_time(3.1)
        assert peer.transport.closed

    run(scenario)


def test_a_client_that_takes_no_answers_is_not_read() -> None:
    async def scenario() -> None:
        peer = Peer()
        peer.connection.pause_writing()
        assert peer.transport.paused
        peer.connection.resume_writing()
        assert not peer.transport.paused

    run(scenario)


def test_a_fault_of_ours_ends_one_call() -> None:
    async def broken(exchange: Exchange) -> None:
        raise RuntimeError("a fault")

    async def scenario() -> None:
        peer = Peer(broken)
        peer.send(peer.headers(1, end=True))
        found = await peer.settle()
        assert (":status", "500") in list(peer.decoder.decode(found[-1][3]))
        assert (peer.front.under_way, await peer.error()) == (0, None)

    run(scenario)


def test_no_bytes_whatever_are_a_fault_of_ours_and_nothing_is_held_afterwards() -> None:
    rng = random.Random(11)

    async def scenario() -> None:
        for _ in range(3000):
            peer = Peer()
            calls = [
                frame(frames.SETTINGS, 0, 0, bytes(rng.choice((0, 6)))),
                peer.headers(1, ("content-length", "6")),
                data(1, b"abc"),
                peer.headers(3, end=True),
                frame(frames.HEADERS, frames.PADDED | frames.PRIORITIZED, 5, b"\x01" + bytes(5) + b"\x82\0"),
                frame(frames.CONTINUATION, frames.END_HEADERS, 5, peer.encoder.encode(REQUEST[1:])),
                frames.window_update(rng.choice((0, 1)), 1 << rng.randrange(31)),
                data(1, b"def", end=True),
                frames.reset(rng.choice((1, 3, 5)), 8),
                frame(frames.PING, 0, 0, bytes(8)),
            ]
            if rng.random() < 0.5:
                rng.shuffle(calls)
            sent = bytearray(b"".join(calls))
            for _ in range(rng.randrange(6)):
                sent[rng.randrange(len(sent))] = rng.randrange(256)
            cut = rng.randrange(len(sent))
            peer.send(bytes(sent[:cut]))
            await asyncio.sleep(0)
            if not peer.transport.closed:
                peer.send(bytes(sent[cut:]))
            await peer.settle()
            peer.connection.connection_lost(None)
            await peer.settle()
            assert (peer.front.unread, peer.front.under_way, peer.front.connections) == (0, 0, set())

    run(scenario)
