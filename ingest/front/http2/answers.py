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


def head_frames(number: int, status: int, headers: Fields, last: bool, prefix: bytes = b"") -> list[bytes]:
    """The headers of an answer. `last`: nothing follows; `prefix`: goes before the header block."""
    return _header_frames(number, prefix + status_block(status, headers), last)


def tail_frames(number: int, trailers: Fields) -> list[bytes]:
    """The trailers of an answer, none if it has none."""
    return _header_frames(number, fields_block(trailers), True) if trailers else []


@lru_cache(256)
def usual_answer(status: int, headers: Fields, body: bytes, trailers: Fields) -> tuple[bytes, ...]:
    """A whole answer with a short body, to be joined by the stream's number (4 bytes)."""
    whole = head_frames(0, status, headers, not body and not trailers)
    if body:
        whole.append(frames.frame(frames.DATA, 0 if trailers else frames.END_STREAM, 0, body))
    found, left = [], b""
    for frame in whole + tail_frames(0, trailers):
        found.append(left + frame[:_NUMBER_AT])
        left = frame[frames.HEAD_BYTES :]
    return (*found, left)


def _header_frames(number: int, block: bytes, last: bool) -> list[bytes]:
    """HEADERS, and CONTINUATIONs where the block is larger than a frame."""
    pieces = [block[at : at + frames.FRAME_BYTES] for at in range(0, len(block), frames.FRAME_BYTES)]
    found = []
    for place, piece in enumerate(pieces):
        kind = frames.CONTINUATION if place else frames.HEADERS
        flags = frames.END_HEADERS * (place == len(pieces) - 1) | frames.END_STREAM * (last and not place)
        found.append(frames.frame(kind, flags, number, piece))
    return found
