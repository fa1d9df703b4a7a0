"""OTLP/HTTP: a front of `OtlpReceiver`, one for each path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ingest.answer import Code, Refused
from ingest.budget import Budget
from ingest.exchange import Exchange
from ingest.receivers.content import decompress, too_large
from ingest.receivers.encoding import Encoding
from ingest.receivers.otlp import Answer, OtlpReceiver, declared_bytes
from ingest.receivers.reading import Inflating, read_body
from schema.signal import Signal

_MEDIA_TYPES = {encoding.value.encode(): encoding for encoding in Encoding}
_WANTED = " or ".join(encoding.value for encoding in Encoding)


def otlp_exports(receiver: OtlpReceiver, budget: Budget, inflating: Inflating) -> Mapping[str, HttpExport]:
    """The three OTLP paths and what answers them."""
    return {signal.http_path: HttpExport(signal, receiver, budget, inflating) for signal in Signal}


class HttpExport:
    """One path."""

    def __init__(self, signal: Signal, receiver: OtlpReceiver, budget: Budget, inflating: Inflating) -> None:
        self._signal = signal
        self._receiver = receiver
        self._budget = budget
        self._inflating = inflating

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one call."""
        media_type = exchange.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        encoding = _MEDIA_TYPES.get(media_type)
        try:
            if exchange.method != "POST":
                raise Refused(Code.METHOD_NOT_ALLOWED, "only POST is allowed")
            if encoding is None:
                raise Refused(Code.UNSUPPORTED, f"the content type must be {_WANTED}")
        except Refused as refused:
            encoding = encoding or Encoding.JSON  # which those who look can read
            answer = self._receiver.refuse(self._signal, encoding, refused)
        else:
            answer = await self._receiver.handle(self._signal, encoding, exchange, partial(self._body, exchange))
        _send(exchange, encoding, answer)

    async def _body(self, exchange: Exchange) -> bytes:
        """The inflated body. Raises Refused, Disconnected."""
        headers = exchange.headers
        limit = self._receiver.max_request_bytes
        if declared_bytes(headers) > limit:
            raise too_large(limit)
        body = await read_body(exchange, limit, limit, self._budget)
        coding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if not coding:
            return body
        return await self._inflating(body, partial(decompress, coding, limit=limit, ratio=self._inflating.ratio))


def _send(exchange: Exchange, encoding: Encoding, answer: Answer) -> None:
    headers = [
        (b"content-type", encoding.value.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        *((name.encode(), value.encode()) for name, value in answer.headers),
    ]
    if answer.code is Code.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    exchange.answer(answer.code.http, tuple(headers), answer.body)
