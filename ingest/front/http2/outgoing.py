"""Bodies of answers, sent as far as the client's windows allow (RFC 9113, section 5.2)."""

from __future__ import annotations

from collections.abc import Callable

from ingest.front.http2 import frames


class Outgoing:
    """The sending side of a connection."""

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put
        self._window = self._initial = frames.DEFAULT_WINDOW
        self._widened: dict[int, int] = {}  # streams whose window is not the initial one
        self._left: dict[int, tuple[bytes, bytes]] = {}  # what is still to be sent of a body, and what comes after it

    def take(self, stream: int, size: int) -> bool:
        """Whether a body of this size, all that the stream sends, may go at once; if so it is taken off the windows."""
        if size > self._window or size > self._initial + self._widened.get(stream, 0):
            return False
        self._window -= size
        self._widened.pop(stream, None)
        return True

    def send(self, stream: int, body: bytes, tail: bytes) -> bool:
        """Send a body and then `tail`, or the body as the end; whether all is written. The rest waits for windows."""
        window = min(self._window, self._initial + self._widened.get(stream, 0))
        rest = body
        while rest:
            size = min(len(rest), frames.FRAME_BYTES, window)
            if size <= 0:
                break
            ends = size == len(rest) and not tail
            self._put(frames.frame(frames.DATA, ends * frames.END_STREAM, stream, rest[:size]))
            rest = rest[size:]
            window -= size
            self._window -= size
            self._widened[stream] = self._widened.get(stream, 0) - size
        if rest:
            self._left[stream] = (rest, tail)
            return False
        self._put(tail)
        self.drop(stream)
        return True

    def go_on(self) -> list[int]:
        """Send what waits, as far as it goes now; the streams that are through."""
        waiting, self._left = self._left, {}
        return [stream for stream, (rest, tail) in waiting.items() if self.send(stream, rest, tail)]

    def widen(self, stream: int, size: int) -> bool:
        """The client takes more (of all streams: 0); whether the window is one that may be."""
        if stream:
            self._widened[stream] = widened = self._widened.get(stream, 0) + size
            return self._initial + widened <= frames.LARGEST_WINDOW
        self._window += size
        return self._window <= frames.LARGEST_WINDOW

    def resize(self, initial: int) -> bool:
        """The client's streams begin with another window; whether it is one that may be."""
        self._initial = initial
        return all(self._initial + extra <= frames.LARGEST_WINDOW for extra in (0, *self._widened.values()))

    def drop(self, stream: int) -> None:
        """A stream has ended."""
        self._widened.pop(stream, None)
        self._left.pop(stream, None)
