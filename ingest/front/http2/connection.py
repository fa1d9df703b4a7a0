"""An HTTP/2 connection (RFC 9113): takes frames apart, keeps both windows of flow control, bears no abuse.

Every frame is a few operations on integers and one slice; a call of the usual size is three frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ingest.exchange import Fields
from ingest.front.connection import UNREAD_BYTES, Connection, Front
from ingest.front.http2 import frames
from ingest.front.http2.abuse import Abuse
from ingest.front.http2.answers import USUAL_BYTES, head_frames, tail_frames, usual_answer
from ingest.front.http2.headers import (
    FORGET_TABLE,
    CompressionError,
    MalformedRequest,
    RequestDecoder,
)
from ingest.front.http2.outgoing import Outgoing
from ingest.front.http2.stream import FIRST_WINDOW, Stream

WINDOW = 4 << 20
"""Bytes of all bodies together that may be on their way or unread."""
_CUT_REMEMBERED = 1000
"""Streams that we ended early, whose frames may still be on their way."""


class ProtocolError(Exception):
    """The client broke a rule that ends the connection."""

    def __init__(self, error: int, said: str) -> None:
        super().__init__(said)
        self.error = error


class Http2Connection(Connection):
    """Streams are opened by `_open`, each answered by a task of its own."""

    def __init__(self, front: Front, transport: asyncio.Transport, keyless: bool, sans: Sequence[str]) -> None:
        super().__init__(front, transport, keyless, sans)
        settings = front.settings
        self._decoder = RequestDecoder(settings.max_header_bytes)
        self._max_streams = settings.max_concurrent_streams
        self._streams: dict[int, Stream] = {}
        self._last = self._promised = 0  # the newest stream, and the newest that we said to look at when we leave
        self._cut: dict[int, None] = {}
        self._left = b""
        self._greeted = self._settled = self._leaving = False
        self._block: tuple[int, int, bytearray] | None = None  # of which stream, its flags, what came so far
        self._began = front.now  # the connection, or the header block that is not complete
        self._window = WINDOW
        self._returning = 0
        self._out: list[bytes] = []
        self._outgoing = Outgoing(self._put)
        self._forget_table = False  # whether the client is owed a change of our table's size
        self._abuse = Abuse()
        self._takes: dict[int, Callable[[int, int, bytes], None]] = {
            frames.DATA: self._data,
            frames.HEADERS: self._headers,
            frames.PRIORITY: self._priority,
            frames.RESET: self._reset,
            frames.SETTINGS: self._settings,
            frames.PUSH: self._push,
            frames.PING: self._ping,
            frames.GOAWAY: self._goaway,
            frames.WINDOW: self._window_update,
            frames.CONTINUATION: self._continuation,
        }
        told = {
            frames.MAX_STREAMS: self._max_streams,
            frames.INITIAL_WINDOW: FIRST_WINDOW,
            frames.MAX_HEADER_LIST: settings.max_header_bytes,
        }
        self._put(frames.settings(told))
        self._put(frames.window_update(0, WINDOW - frames.DEFAULT_WINDOW))

    def data_received(self, data: bytes) -> None:
        """Bytes came; the first of them are the preface."""
        self.active = self.front.now
        if self._left:
            data = self._left + data
            self._left = b""
        try:
            self._left = data[self._frames(data) :]
        except ProtocolError as error:
            self._give_up(error.error)
        except CompressionError:
            self._give_up(frames.COMPRESSION)

    def _frames(self, data: bytes) -> int:
        """Take the whole frames of it; how many bytes they are."""
        at, end = 0, len(data)
        if not self._greeted:
            if end < len(frames.PREFACE):
                return 0
            if not data.startswith(frames.PREFACE):
                raise ProtocolError(frames.PROTOCOL, "no preface")
            self._greeted, at = True, len(frames.PREFACE)
        takes = self._takes
        while end - at >= frames.HEAD_BYTES and not self.closing:
            head = int.from_bytes(data[at : at + frames.HEAD_BYTES], "big")
            size = head >> 48
            if size > frames.FRAME_BYTES:
                raise ProtocolError(frames.FRAME_SIZE, "a frame is too large")
            start = at + frames.HEAD_BYTES
            if end - start < size:
                break
            at = start + size
            kind = head >> 40 & 0xFF
            if not self._settled and kind != frames.SETTINGS:
                raise ProtocolError(frames.PROTOCOL, "settings come first")
            if self._block is not None and kind != frames.CONTINUATION:
                raise ProtocolError(frames.PROTOCOL, "a header block is not complete")
            take = takes.get(kind)
            if take is not None:
                take(head & 0x7FFF_FFFF, head >> 32 & 0xFF, data[start:at])
            else:
                self._control()
        return at

    # What streams ask of us.

    def taken(self, size: int, stream: int, grant: int) -> None:
        """Bytes are no longer ours to hold."""
        self.front.unread -= size
        if grant:
            self._put(frames.window_update(stream, grant))
        self._give_back(size)

    def respond(self, stream: Stream, status: int, headers: Fields, body: bytes, trailers: Fields) -> None:
        """Send an answer, as far as the client's windows let us."""
        self.active = self.front.now
        self._abuse.progress()
        number = stream.number
        if len(body) <= USUAL_BYTES and not self._forget_table and self._outgoing.take(number, len(body)):
            self._put(number.to_bytes(4, "big").join(usual_answer(status, headers, body, trailers)))
            self._finish(stream)
            return
        prefix = FORGET_TABLE if self._forget_table else b""
        self._forget_table = False
        self._let_go(stream)
        last = not body and not trailers
        self._put(b"".join(head_frames(number, status, headers, last, prefix)))
        if last or self._outgoing.send(number, body, b"".join(tail_frames(number, trailers))):
            self._finish(stream)

    def _let_go(self, stream: Stream) -> None:
        """Nobody will read what is left of its body."""
        if unread := stream.discard():
            self.front.unread -= unread
            self._give_back(unread)

    def _finish(self, stream: Stream) -> None:
        """All of the answer is written."""
        if not stream.ended:
            self._put(frames.reset(stream.number, frames.NO_ERROR))
        self._forget(stream)
        if self._leaving and not self._streams:
            self._flush()
            self.close()

    def _forget(self, stream: Stream) -> None:
        number = stream.number
        if self._streams.pop(number, None) is None:
            return
        if not stream.ended:
            self._remember(number)
        self._let_go(stream)

    # Frames, each (stream, flags, payload).

    def _headers(self, number: int, flags: int, payload: bytes) -> None:
        if number % 2 == 0:
            raise ProtocolError(frames.PROTOCOL, "clients use odd numbers")
        if flags & (frames.PADDED | frames.PRIORITIZED):
            payload = _unpadded(flags, payload)
            if flags & frames.PRIORITIZED:
                if len(payload) < 5:
                    raise ProtocolError(frames.FRAME_SIZE, "a priority is five bytes")
                if int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF == number:
                    raise ProtocolError(frames.PROTOCOL, "a stream depends on itself")
                payload = payload[5:]
        if flags & frames.END_HEADERS:
            self._complete(number, flags, payload)
        else:
            self._block = (number, flags, bytearray(payload))
            self._began = self.front.now

    def _continuation(self, number: int, flags: int, payload: bytes) -> None:
        if self._block is None or self._block[0] != number:
            raise ProtocolError(frames.PROTOCOL, "a continuation of nothing")
        if not payload:
            self._control()
        _, first, block = self._block
        block += payload
        if len(block) > self.front.settings.max_header_bytes:
            raise ProtocolError(frames.CALM, "headers are too large")
        if flags & frames.END_HEADERS:
            self._block = None
            self._complete(number, first, bytes(block))

    def _complete(self, number: int, flags: int, block: bytes) -> None:
        """A whole header block: a new stream, or the trailers of one."""
        if number <= self._last:
            self._trailers(number, flags, block)
            return
        self._last = number
        if self._leaving:
            self._decoder.fields(block)  # it changes the table, whoever answers
            self._remember(number)  # the client learns from our GOAWAY that it was not looked at
            return
        if len(self._streams) >= self._max_streams:
            self._decoder.fields(block)
            self._refuse(number, frames.REFUSED)
            return
        try:
            request = self._decoder.request(block)
        except MalformedRequest:
            self._refuse(number, frames.PROTOCOL)
            return
        stream = Stream(number, request, self, self.keyless, self.sans, self.front.now)
        self._streams[number] = stream
        if flags & frames.END_STREAM:
            self._end(stream)
            if stream.gone:
                return
        if request.too_large:
            stream.cut(431, ((b"content-length", b"0"),))
            return
        self.loop.create_task(self.front.serve(stream))

    def _trailers(self, number: int, flags: int, block: bytes) -> None:
        fields = self._decoder.fields(block)
        stream = self._streams.get(number)
        if stream is None:
            self._stray(number)
        elif stream.ended:
            self._wrong(stream, frames.STREAM_CLOSED)
        elif not flags & frames.END_STREAM or any(name.startswith(b":") for name, _ in fields):
            self._wrong(stream, frames.PROTOCOL)
        else:
            self._end(stream)

    def _data(self, number: int, flags: int, payload: bytes) -> None:
        size = len(payload)
        self._window -= size
        if self._window < 0:
            raise ProtocolError(frames.FLOW_CONTROL, "more than the connection's window")
        if flags & frames.PADDED:
            payload = _unpadded(flags, payload)
        stream = self._streams.get(number)
        if stream is None:
            self._give_back(size)
            self._stray(number)
            return
        stream.window -= size
        stream.received += len(payload)
        if len(payload) < size:
            self._give_back(size - len(payload))
            stream.granting += size - len(payload)
        if not payload and not flags & frames.END_STREAM:
            self._control()
        if stream.ended:
            self._give_back(len(payload))
            self._wrong(stream, frames.STREAM_CLOSED)
        elif stream.window < 0:
            self._give_back(len(payload))
            self._wrong(stream, frames.FLOW_CONTROL)
        elif self.front.unread > UNREAD_BYTES and not stream.wanted and not stream.answered:
            self._give_back(len(payload))
            self._wrong(stream, frames.REFUSED)
        else:
            if stream.gone or stream.answered:
                self._give_back(len(payload))
            elif payload:
                self.front.unread += len(payload)
                stream.keep(payload)
            if flags & frames.END_STREAM:
                self._end(stream)

    def _end(self, stream: Stream) -> None:
        if stream.declared is not None and stream.declared != stream.received:
            self._wrong(stream, frames.PROTOCOL)
        else:
            stream.end()

    def _reset(self, number: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ProtocolError(frames.FRAME_SIZE, "an error code is four bytes")
        if not 0 < number <= self._last:
            raise ProtocolError(frames.PROTOCOL, "a stream that was never opened is reset")
        stream = self._streams.get(number)
        if stream is None:
            self._control()
            return
        self._calm(self._abuse.reset(self.front.now))
        self._drop(stream)
        self._cut.pop(number, None)  # the client ended it: nothing of it may follow

    def _settings(self, number: int, flags: int, payload: bytes) -> None:
        self._settled = True
        if number:
            raise ProtocolError(frames.PROTOCOL, "settings are of the connection")
        if flags & frames.ACK:
            if payload:
                raise ProtocolError(frames.FRAME_SIZE, "an acknowledgement is empty")
            return
        if len(payload) % 6:
            raise ProtocolError(frames.FRAME_SIZE, "settings are six bytes each")
        self._control()
        initial = None
        for name, value in frames.read_settings(payload):
            if name == frames.ENABLE_PUSH and value > 1:
                raise ProtocolError(frames.PROTOCOL, "ENABLE_PUSH is 0 or 1")
            if name == frames.MAX_FRAME and not frames.FRAME_BYTES <= value <= frames.LARGEST_FRAME:
                raise ProtocolError(frames.PROTOCOL, "MAX_FRAME_SIZE is out of range")
            if name == frames.INITIAL_WINDOW:
                initial = value
            if name == frames.HEADER_TABLE_SIZE:
                self._forget_table = True
        if initial is not None and not self._outgoing.resize(initial):
            raise ProtocolError(frames.FLOW_CONTROL, "INITIAL_WINDOW_SIZE is out of range")
        self._put(frames.ACK_SETTINGS)
        self._go_on()

    def _ping(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL, "a ping is of the connection")
        if len(payload) != 8:
            raise ProtocolError(frames.FRAME_SIZE, "a ping is eight bytes")
        self._control()
        if not flags & frames.ACK:
            self._put(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _window_update(self, number: int, flags: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ProtocolError(frames.FRAME_SIZE, "an increment is four bytes")
        size = int.from_bytes(payload, "big") & 0x7FFF_FFFF
        stream = self._streams.get(number)
        if number > self._last:
            raise ProtocolError(frames.PROTOCOL, "the window of a stream that was never opened")
        self._control()
        if number and stream is None:
            return
        if size and self._outgoing.widen(number, size):
            self._go_on()
        elif stream is not None:
            self._wrong(stream, frames.FLOW_CONTROL if size else frames.PROTOCOL)
        else:
            raise ProtocolError(frames.FLOW_CONTROL if size else frames.PROTOCOL, "a window of no sense")

    def _priority(self, number: int, flags: int, payload: bytes) -> None:
        if not number:
            raise ProtocolError(frames.PROTOCOL, "a priority is of a stream")
        self._control()
        stream = self._streams.get(number)
        wrong = frames.FRAME_SIZE if len(payload) != 5 else frames.NO_ERROR
        if not wrong and int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF == number:
            wrong = frames.PROTOCOL
        if wrong and stream is not None:
            self._wrong(stream, wrong)
        elif wrong:
            self._put(frames.reset(number, wrong))

    def _push(self, number: int, flags: int, payload: bytes) -> None:
        raise ProtocolError(frames.PROTOCOL, "clients do not push")

    def _goaway(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ProtocolError(frames.PROTOCOL, "the end is of the connection")
        self._control()  # it wants no streams of ours, of which there are none; it closes when it likes

    # Ends.

    def retire(self) -> None:
        """Tell the client to go elsewhere with its next calls; it knows which of them we have not looked at."""
        self.drain()

    def drain(self) -> None:
        """The same."""
        if not self._leaving:
            self._leaving = True
            self._promised = self._last
            self._put(frames.goaway(self._promised, frames.NO_ERROR))
            if not self._streams:
                self._flush()
                self.close()

    def overdue(self, now: float) -> None:
        """Time limits of the connection and of its streams."""
        settings = self.front.settings
        if (not self._settled or self._block is not None) and now - self._began > settings.header_timeout_seconds:
            self._give_up(frames.NO_ERROR)
            return
        late = [s for s in self._streams.values() if now - s.since > settings.request_timeout_seconds]
        for stream in late:
            if stream.answered:  # which the client does not take
                self._fail(stream, frames.CALM)
            elif not stream.ended:
                stream.cut(408, ((b"content-length", b"0"),))
        if not self._streams and now - self.active > settings.idle_timeout_seconds:
            self._give_up(frames.NO_ERROR)

    def half_closed(self) -> bool:
        """The client sends nothing more; whether it is still owed answers."""
        self._leaving, self._promised = True, self._last
        return bool(self._streams)

    def lost(self) -> None:
        """Nobody is left to answer."""
        for stream in list(self._streams.values()):
            self._drop(stream)

    def _drop(self, stream: Stream) -> None:
        self._outgoing.drop(stream.number)
        stream.leave()
        self._forget(stream)

    def _fail(self, stream: Stream, error: int) -> None:
        self._put(frames.reset(stream.number, error))
        self._drop(stream)

    def _wrong(self, stream: Stream, error: int) -> None:
        """The client made us reset it, which is as cheap for it as to do so itself (CVE-2025-8671)."""
        self._calm(self._abuse.reset(self.front.now))
        self._fail(stream, error)

    def _refuse(self, number: int, error: int) -> None:
        """End a stream that never was."""
        self._remember(number)
        self._put(frames.reset(number, error))
        self._control()

    def _remember(self, number: int) -> None:
        """We ended it, and the client may not know yet."""
        self._cut[number] = None
        if len(self._cut) > _CUT_REMEMBERED:
            del self._cut[next(iter(self._cut))]

    def _stray(self, number: int) -> None:
        """A frame that belongs to no stream: of one that we ended, or that the client has ended, or that never was."""
        if not number or number > self._last or number % 2 == 0:
            raise ProtocolError(frames.PROTOCOL, "a frame of a stream that is not there")
        if number not in self._cut:
            raise ProtocolError(frames.STREAM_CLOSED, "the stream has ended")

    def _give_up(self, error: int) -> None:
        self._put(frames.goaway(self._promised if self._leaving else self._last, error))
        self._flush()
        self.close()

    def _control(self) -> None:
        self._calm(self._abuse.control(self.front.now))

    def _calm(self, within: bool) -> None:
        if not within:
            raise ProtocolError(frames.CALM, "too much that leads nowhere")

    # Bytes out.

    def _go_on(self) -> None:
        """More may be sent than before."""
        for number in self._outgoing.go_on():
            self._finish(self._streams[number])

    def _give_back(self, size: int) -> None:
        self._returning += size
        if self._returning >= WINDOW // 4:
            self._put(frames.window_update(0, self._returning))
            self._window += self._returning
            self._returning = 0

    def _put(self, data: bytes) -> None:
        """Send with all else that this turn of the loop brings."""
        if not self._out:
            self.loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, []
            self.write(b"".join(out))


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & frames.PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError(frames.PROTOCOL, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]
