"""Whole answers as frames. Most that a receiver gives are the same few bytes but for the number of the stream."""

from __future__ import annotations

from functools import lru_cache

from ingest.exchange import Fields
from ingest.front.http2 import frames
from ingest.front.http2.headers import fields_block, status_block

USUAL_BYTES = 1024
"""Bodies up to this are worth remembering."""
_NUMBER_AT = 5
"""Bytes of a frame before the number of its stream."""
_NUMBER_END = 9


def answer_frames(
    number: int, status: int, headers: Fields, body: bytes, trailers: Fields, prefix: bytes = b""
) -> list[bytes]:
    """HEADERS, DATA and trailers of an answer, those that it has. `prefix`: goes before the first header block."""
    blocks = [(frames.HEADERS, frames.END_HEADERS, prefix + status_block(status, headers))]
    if body:
        blocks.append((frames.DATA, 0, body))
    if trailers:
        blocks.append((frames.HEADERS, frames.END_HEADERS, fields_block(trailers)))
    kind, flags, payload = blocks.pop()
    blocks.append((kind, flags | frames.END_STREAM, payload))
    return [frames.frame(kind, flags, number, payload) for kind, flags, payload in blocks]


@lru_cache(256)
def usual_answer(status: int, headers: Fields, body: bytes, trailers: Fields) -> tuple[bytes, ...]:
    """The same, to be joined by the stream's number (4 bytes)."""
    found, left = [], b""
    for frame in answer_frames(0, status, headers, body, trailers):
        found.append(left + frame[:_NUMBER_AT])
        left = frame[_NUMBER_END:]
    return (*found, left)
