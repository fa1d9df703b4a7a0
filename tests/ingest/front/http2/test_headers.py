"""Header blocks against hpack's encoder, and what RFC 9113, section 8, calls malformed."""

from __future__ import annotations

import random

import pytest
from hpack import Decoder, Encoder

from ingest.front.http2 import frames
from ingest.front.http2.answers import head_frames, tail_frames, usual_answer
from ingest.front.http2.headers import (
    FORGET_TABLE,
    CompressionError,
    MalformedRequest,
    RequestDecoder,
    fields_block,
    status_block,
)
from tests.ingest.front.http2.peer import REQUEST

LIMIT = 8192


def test_blocks_of_one_table_are_decoded_in_turn_whether_known_or_not() -> None:
    """Values that come again are sent as numbers, whose meaning moves as others are added and evicted."""
    rng = random.Random(5)
    encoder, decoder = Encoder(), RequestDecoder(LIMIT)
    values = ["x" * rng.randrange(1, 900) + str(n) for n in range(12)]
    for turn in range(3000):
        headers = [(f"h{n}", rng.choice(values if turn % 3 else values[:2])) for n in range(rng.randrange(4))]
        block = encoder.encode([*REQUEST, *headers], huffman=rng.random() < 0.5)
        found = decoder.request(block)
        assert dict(found.headers) == {b"host": b"h"} | {n.encode(): v.encode() for n, v in headers}
        assert (found.method, found.path) == ("POST", "/x")


def test_a_block_that_resizes_the_table_is_not_taken_for_known() -> None:
    encoder, decoder = Encoder(), RequestDecoder(LIMIT)
    plain = encoder.encode(REQUEST)
    for size in (0, 4096, 100, 4096):
        encoder.header_table_size = size
        assert decoder.request(encoder.encode(REQUEST)).path == "/x"
    assert decoder.request(encoder.encode([*REQUEST, ("a", "b")])).headers[b"a"] == b"b"
    assert plain


@pytest.mark.parametrize(
    ("path", "decoded"), [("/a", "/a"), ("/a?b=c", "/a"), ("/%2Fv%C3%A4", "//v\xc3\xa4"), ("*", "*")]
)
def test_paths_are_decoded_and_the_query_left_out(path: str, decoded: str) -> None:
    headers = [(":method", "GET"), (":scheme", "http"), (":path", path)]
    assert RequestDecoder(LIMIT).request(Encoder().encode(headers)).path == decoded


def test_a_name_that_comes_twice_has_its_values_joined() -> None:
    block = Encoder().encode([*REQUEST, ("authorization", "Bearer a"), ("authorization", "Bearer b")])
    assert RequestDecoder(LIMIT).request(block).headers[b"authorization"] == b"Bearer a, Bearer b"


@pytest.mark.parametrize(
    "headers",
    [
        REQUEST[1:],
        [*REQUEST, (":path", "/y")],
        [*REQUEST, (":status", "200")],
        [("a", "b"), *REQUEST],
        [*REQUEST, ("Upper", "x")],
        [*REQUEST, ("sp ace", "x")],
        [*REQUEST, ("", "x")],
        [*REQUEST, ("connection", "close")],
        [*REQUEST, ("te", "gzip")],
        [*REQUEST, ("a", "b\0c")],
        [*REQUEST, ("a", "b\r\nc: d")],
        [*REQUEST, ("a", " b")],
        [(":method", "POST"), (":scheme", "http"), (":path", "")],
    ],
)
def test_malformed_requests_end_their_stream_alone(headers: list[tuple[str, str]]) -> None:
    encoder, decoder = Encoder(), RequestDecoder(LIMIT)
    with pytest.raises(MalformedRequest):
        decoder.request(encoder.encode(headers))
    assert decoder.request(encoder.encode(REQUEST)).path == "/x"


@pytest.mark.parametrize("block", [b"\xbf\xff", b"\x80", b"\x40\x85abc", b"\x3f\xff\xff\xff\x7f", b"\x00\x7f\xff\xff"])
def test_what_is_no_block_is_an_error_of_compression(block: bytes) -> None:
    with pytest.raises(CompressionError):
        RequestDecoder(LIMIT).request(block)


def test_answers_are_what_a_client_decodes() -> None:
    headers = ((b"content-type", b"application/grpc"), (b"long-" * 30, b"v" * 300), (b"empty", b""))
    text = [(name.decode(), value.decode()) for name, value in headers]
    assert list(Decoder().decode(FORGET_TABLE + status_block(200, headers))) == [(":status", "200"), *text]
    assert list(Decoder().decode(fields_block(headers))) == text


@pytest.mark.parametrize("body", [b"", b"body"])
@pytest.mark.parametrize("trailers", [(), ((b"grpc-status", b"0"),)])
def test_a_usual_answer_is_the_same_frames(body: bytes, trailers: tuple[tuple[bytes, bytes], ...]) -> None:
    headers = ((b"a", b"b"),)
    for stream in (1, 77, (1 << 31) - 1):
        joined = stream.to_bytes(4, "big").join(usual_answer(200, headers, body, trailers))
        wanted = head_frames(stream, 200, headers, not body and not trailers)
        if body:
            wanted.append(frames.frame(frames.DATA, 0 if trailers else frames.END_STREAM, stream, body))
        assert joined == b"".join(wanted + tail_frames(stream, trailers))


def test_a_header_block_larger_than_a_frame_goes_on_in_others() -> None:
    headers = ((b"a", b"x" * 40_000),)
    found = head_frames(1, 204, headers, last=True)
    assert [(frame[3], frame[4]) for frame in found] == [
        (frames.HEADERS, frames.END_STREAM), (frames.CONTINUATION, 0), (frames.CONTINUATION, frames.END_HEADERS),
    ]  # fmt: skip
    assert max(len(frame) for frame in found) == frames.HEAD_BYTES + frames.FRAME_BYTES
    block = b"".join(frame[frames.HEAD_BYTES :] for frame in found)
    assert list(Decoder().decode(block)) == [(":status", "204"), ("a", "x" * 40_000)]


def test_what_was_known_is_forgotten_when_any_block_changes_the_table() -> None:
    """Trailers, and headers of calls that are refused, do so too."""
    encoder, decoder = Encoder(), RequestDecoder(LIMIT)
    for _ in range(3):
        block = encoder.encode([*REQUEST, ("authorization", "Bearer a")])
        assert decoder.request(block).headers[b"authorization"] == b"Bearer a"
    decoder.fields(encoder.encode([("authorization", "Bearer b")]))
    for key in ("b", "a", "b"):
        block = encoder.encode([*REQUEST, ("authorization", f"Bearer {key}")])
        assert decoder.request(block).headers[b"authorization"] == f"Bearer {key}".encode()


@pytest.mark.parametrize("length", ["", "x", "-1", "1" * 5000, "1, 1"])
def test_a_content_length_that_is_no_number_is_malformed(length: str) -> None:
    with pytest.raises(MalformedRequest):
        RequestDecoder(LIMIT).request(Encoder().encode([*REQUEST, ("content-length", length)]))
