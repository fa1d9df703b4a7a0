"""HTTP/2 frames by hand, for clients that no library would let us be (RFC 9113, RFC 7541)."""

from __future__ import annotations

import socket
import struct

DATA, HEADERS, RESET, SETTINGS, GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x7
END_STREAM, END_HEADERS = 0x1, 0x4
CANCEL = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x10" + bytes((len(name),)) + name + bytes((len(value),)) + value


def grpc_headers(path: str) -> bytes:
    """A header block of a call: indexed method POST and scheme http, the rest literal."""
    return (
        b"\x83\x86"
        + _literal(b":path", path.encode())
        + _literal(b":authority", b"x")
        + _literal(b"content-type", b"application/grpc")
        + _literal(b"te", b"trailers")
    )


def connect(address: str) -> socket.socket:
    """A connection that has said hello."""
    host, _, port = address.rpartition(":")
    made = socket.create_connection((host, int(port)), timeout=10)
    made.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
    return made


def frames_until_closed(connection: socket.socket) -> list[int]:
    """Kinds of the frames that come until the other side closes. Raises ConnectionResetError.

    A side that closes before it has read all resets the connection, and its last frames may be lost with that.
    """
    data = b""
    while chunk := connection.recv(1 << 16):
        data += chunk
    kinds = []
    while len(data) >= 9:
        size = int.from_bytes(data[:3], "big")
        kinds.append(data[3])
        data = data[9 + size :]
    return kinds
