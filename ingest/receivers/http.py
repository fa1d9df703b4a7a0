"""OTLP/HTTP: a front of `OtlpReceiver` as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ingest.answer import Code, Refused
from ingest.budget import Budget
from ingest.receivers.content import decompress, too_large
from ingest.receivers.encoding import Encoding
from ingest.receivers.otlp import Answer, OtlpReceiver
from schema.signal import Signal

_MEDIA_TYPES = {encoding.value: encoding for encoding in Encoding}
_INLINE_BYTES = 32 << 10
"""Bodies up to this are inflated on the event loop; a thread costs more than that."""


def otlp_routes(receiver: OtlpReceiver, budget: Budget) -> Sequence[BaseRoute]:
    """The three OTLP paths, to mount in ingest's HTTP application."""
    return [Route(signal.http_path, _Export(signal, receiver, budget)) for signal in Signal]


class _Export:
    """One path. An ASGI application of its own, because Starlette's Request costs more than all we do here."""

    def __init__(self, signal: Signal, receiver: OtlpReceiver, budget: Budget) -> None:
        self._signal = signal
        self._receiver = receiver
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = _MEDIA_TYPES.get(media_type)
        try:
            if scope["method"] != "POST":
                raise Refused(Code.METHOD_NOT_ALLOWED, "only POST is allowed")
            if encoding is None:
                raise Refused(Code.UNSUPPORTED, f"the content type must be {' or '.join(_MEDIA_TYPES)}")
            body = await self._read(headers, receive)
        except Refused as refused:
            encoding = encoding or Encoding.JSON  # which those who look can read
            answer = self._receiver.refuse(self._signal, encoding, refused)
        except ClientDisconnect:
            return  # nobody is left to answer
        else:
            answer = await self._receiver.handle(self._signal, encoding, headers, body)
        await _send(send, encoding, answer)

    async def _read(self, headers: dict[str, str], receive: Receive) -> bytes:
        """The inflated body. Raises Refused, ClientDisconnect."""
        limit = self._receiver.max_request_bytes
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large(limit)
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in _chunks(receive):
                self._budget.take(len(chunk))
                size += len(chunk)
                chunks.append(chunk)
                if size > limit:
                    raise too_large(limit)
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            content_encoding = headers.get("content-encoding", "").strip().lower()
            if len(body) <= _INLINE_BYTES or not content_encoding:
                return decompress(content_encoding, body, limit)
            # It may wait for a thread: it is held until then.
            return await asyncio.to_thread(decompress, content_encoding, body, limit)
        finally:
            self._budget.give(size)


async def _chunks(receive: Receive):  # type: ignore[no-untyped-def]
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body", False):
            return


async def _send(send: Send, encoding: Encoding, answer: Answer) -> None:
    headers = [
        (b"content-type", encoding.value.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        *((name.encode(), value.encode()) for name, value in answer.headers),
    ]
    if answer.code is Code.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": answer.code.http, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
