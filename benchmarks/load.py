"""Export calls by gRPC, as fast as the server takes them: `python -m benchmarks.load TARGET POOL SECONDS`.

Speaks HTTP/2 (RFC 9113) on plain sockets, because a gRPC library in Python costs more than the servers under test.
Each call carries a request of the pool with trace ids that were not there before. Prints one JSON line: calls and spans
answered, wall seconds, CPU seconds of this process. Whether answers were good is for the server's counters to say.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import own_cpu
from schema.signal import Signal
from schema.wire import join, scan

CONNECTIONS = 4
CALLS_AT_ONCE = 4
"""On each connection."""

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW = 4
_WINDOW_BYTES = 65_535
_FRAME_BYTES = 16_384
_HEAD = 9
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def _frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + body


def _text(value: bytes) -> bytes:
    return bytes((len(value),)) + value


def _request_headers(path: bytes) -> bytes:
    """HPACK without a dynamic table: names by number where the static table has them (RFC 7541, appendix A)."""
    return (
        b"\x83\x86"  # :method POST, :scheme http
        + (b"\x04" + _text(path))
        + (b"\x01" + _text(b"benchmark"))  # :authority
        + (b"\x0f\x10" + _text(b"application/grpc"))  # content-type
        + (b"\x00" + _text(b"te") + _text(b"trailers"))
    )


@dataclass
class Request:
    """A request of the pool: gRPC's prefix and the message, and where the first half of each trace id stands."""

    body: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.int64]


def read_pool(path: Path) -> list[Request]:
    """The requests that `write_pool` wrote."""
    data, requests, at = path.read_bytes(), [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        message = data[at + 4 : at + 4 + size]
        at += 4 + size
        traces = scan(Signal.TRACES, *join([message])).items.slices("trace_id").off
        body = np.frombuffer(bytearray(b"\0" + size.to_bytes(4, "big") + message), np.uint8)
        requests.append(Request(body, (traces[:, None] + np.arange(5, 9)).ravel()))
    return requests


def write_pool(path: Path, messages: list[bytes]) -> None:
    """A file of serialized requests."""
    path.write_bytes(b"".join(struct.pack("<I", len(message)) + message for message in messages))


def fresh(pool: list[Request], epoch: int) -> Iterator[Request]:
    """The pool again and again, trace ids new each time round; a trace stays one trace."""
    while True:
        number = np.frombuffer(struct.pack(">I", epoch & 0xFFFFFFFF), np.uint8)
        for request in pool:
            request.body[request.ids] = np.tile(number, len(request.ids) // 4)
            yield request
        epoch += 1


@dataclass
class _Call:
    stream: int
    body: memoryview
    spans: int
    sent: int
    window: int


class Connection:
    """One HTTP/2 connection that always has CALLS_AT_ONCE calls under way."""

    def __init__(self, address: tuple[str, int], requests: Iterator[Request]) -> None:
        self.answered = self.spans = 0
        self.stopping = False
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._headers = _request_headers(Signal.TRACES.grpc_method.encode())
        self._next = 1
        self._window = self._initial = _WINDOW_BYTES
        self._calls: dict[int, _Call] = {}
        self._sending: deque[_Call] = deque()
        self._out: deque[memoryview] = deque()
        self._in = bytearray()
        self._put(_PREFACE + _frame(_SETTINGS, 0, 0) + _frame(_WINDOW, 0, 0, (1 << 30).to_bytes(4, "big")))
        for _ in range(CALLS_AT_ONCE):
            self._begin()
        self.socket.setblocking(False)

    @property
    def idle(self) -> bool:
        return not self._calls

    def write(self) -> bool:
        """Send what may be sent; whether more waits for the socket."""
        self._fill()
        while self._out:
            try:
                sent = self.socket.sendmsg(list(self._out)[:64])
            except BlockingIOError:
                return True
            while sent:
                first = self._out.popleft()
                if sent < len(first):
                    self._out.appendleft(first[sent:])
                    break
                sent -= len(first)
            self._fill()
        return False

    def read(self) -> None:
        """Take what came. Raises ConnectionError if the server ends the connection or resets a call."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._in += data
        at = 0
        while len(self._in) - at >= _HEAD:
            size = int.from_bytes(self._in[at : at + 3], "big")
            if len(self._in) - at < _HEAD + size:
                break
            kind, flags = self._in[at + 3], self._in[at + 4]
            stream = int.from_bytes(self._in[at + 5 : at + 9], "big")
            self._take(kind, flags, stream, bytes(self._in[at + _HEAD : at + _HEAD + size]))
            at += _HEAD + size
        del self._in[:at]

    def _take(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            self._settings(body)
        elif kind == _PING and not flags & _ACK:
            self._put(_frame(_PING, _ACK, 0, body))
        elif kind == _WINDOW and not stream:
            self._window += int.from_bytes(body, "big")
        elif kind == _WINDOW and stream in self._calls:
            self._calls[stream].window += int.from_bytes(body, "big")
        elif kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            self._end(stream)
        elif kind in (_RESET, _GOAWAY):
            raise ConnectionError(f"the server refuses: frame {kind}, {body[:100]!r}")

    def _settings(self, body: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", body):
            if name == _INITIAL_WINDOW:
                for call in self._calls.values():
                    call.window += value - self._initial
                self._initial = value
        self._put(_frame(_SETTINGS, _ACK, 0))

    def _begin(self) -> None:
        request = next(self._requests)
        body = memoryview(request.body.tobytes())
        call = _Call(self._next, body, len(request.ids) // 4, 0, self._initial)
        self._next += 2
        self._calls[call.stream] = call
        self._sending.append(call)
        self._put(_frame(_HEADERS, _END_HEADERS, call.stream, self._headers))

    def _end(self, stream: int) -> None:
        call = self._calls.pop(stream)
        self.answered += 1
        self.spans += call.spans
        if not self.stopping:
            self._begin()

    def _fill(self) -> None:
        """Turn as much of the waiting bodies into frames as the windows allow, a few at a time."""
        for _ in range(len(self._sending)):
            call = self._sending.popleft()
            while call.sent < len(call.body) and len(self._out) < 64:
                size = min(len(call.body) - call.sent, _FRAME_BYTES, call.window, self._window)
                if size <= 0:
                    break
                last = call.sent + size == len(call.body)
                head = size.to_bytes(3, "big") + bytes((_DATA, _END_STREAM * last)) + call.stream.to_bytes(4, "big")
                self._put(head)
                self._out.append(call.body[call.sent : call.sent + size])
                call.sent += size
                call.window -= size
                self._window -= size
            if call.sent < len(call.body):
                self._sending.append(call)

    def _put(self, data: bytes) -> None:
        self._out.append(memoryview(data))


def send(target: str, pool: list[Request], seconds: float, epoch: int) -> dict[str, float]:
    """Keep the server busy for so long, then wait for what is under way."""
    host, _, port = target.rpartition(":")
    requests = fresh(pool, epoch)
    connections = [Connection((host, int(port)), requests) for _ in range(CONNECTIONS)]
    selector = selectors.DefaultSelector()
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
    began, cpu = time.perf_counter(), own_cpu()
    while not all(connection.idle for connection in connections):
        for key, events in selector.select(1.0):
            connection = key.data
            if events & selectors.EVENT_READ:
                connection.read()
            more = connection.write()
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
            if key.events != wanted:
                selector.modify(connection.socket, wanted, connection)
        if time.perf_counter() - began > seconds:
            for connection in connections:
                connection.stopping = True
    done = {"calls": sum(c.answered for c in connections), "spans": sum(c.spans for c in connections)}
    return {**done, "wall": time.perf_counter() - began, "cpu": own_cpu() - cpu}


if __name__ == "__main__":
    _target, _pool, _seconds = sys.argv[1:4]
    _result = send(_target, read_pool(Path(_pool)), float(_seconds), time.time_ns() >> 26)
    sys.stdout.write(json.dumps(_result) + "\n")
