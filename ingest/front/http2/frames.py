"""Frames of HTTP/2 as bytes (RFC 9113, sections 4, 6 and 7)."""

from __future__ import annotations

import struct

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITIZED = 0x1, 0x1, 0x4, 0x8, 0x20

NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL, _, STREAM_CLOSED, FRAME_SIZE, REFUSED, _, COMPRESSION, _, CALM = range(12)
"""Error codes; CALM is ENHANCE_YOUR_CALM."""

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_STREAMS, INITIAL_WINDOW, MAX_FRAME, MAX_HEADER_LIST = range(1, 7)
"""Identifiers of settings."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
DEFAULT_WINDOW = 65_535
LARGEST_WINDOW = (1 << 31) - 1
FRAME_BYTES = 16_384
"""The largest frame that either side may send unless told otherwise; we tell nothing."""
LARGEST_FRAME = (1 << 24) - 1

_HEAD = struct.Struct(">HBBBI")
_SETTING = struct.Struct(">HI")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """(identifier, value) in order; the payload's length must be a multiple of 6."""
    return list(_SETTING.iter_unpack(payload))


def window_update(stream: int, size: int) -> bytes:
    """Lets the other side send so many bytes more."""
    return frame(WINDOW, 0, stream, size.to_bytes(4, "big"))


def reset(stream: int, error: int) -> bytes:
    """Ends a stream."""
    return frame(RESET, 0, stream, error.to_bytes(4, "big"))


def goaway(last: int, error: int) -> bytes:
    """Ends the connection; streams above `last` were not looked at."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + error.to_bytes(4, "big"))


ACK_SETTINGS = frame(SETTINGS, ACK, 0)
