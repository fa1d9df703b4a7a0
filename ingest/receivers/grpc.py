"""OTLP/gRPC: a front of `OtlpReceiver` that speaks gRPC's framing over HTTP/2 (gRPC's PROTOCOL-HTTP2 document)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from urllib.parse import quote

from ingest.answer import Code, Refused, unavailable
from ingest.asgi import Headers, Message, Receive, Scope, Send
from ingest.budget import Budget
from ingest.receivers.content import decompress, too_large
from ingest.receivers.encoding import Encoding
from ingest.receivers.otlp import Answer, Caller, OtlpReceiver
from ingest.receivers.reading import Inflating, read_body
from schema.signal import Signal

_PREFIX = 5
"""Bytes before a message: whether it is compressed, and its length."""
_CODINGS = (b"", b"identity", b"gzip")
_TYPE = (b"content-type", b"application/grpc")
_START: Message = {"type": "http.response.start", "status": 200, "headers": [_TYPE], "trailers": True}
_EMPTY: Message = {"type": "http.response.body", "body": bytes(_PREFIX)}
_OK: Message = {"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]}
_UNIMPLEMENTED, _NOT_FOUND = 12, 5
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

_HEALTH = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""A HealthCheckResponse (grpc/health/v1/health.proto)."""
_SERVICES = ("", *(signal.grpc_method.split("/")[1] for signal in Signal))


STOPPING = unavailable("ingest is stopping")
"""What a call is told that comes while we end: try again, which leads to another ingest."""


class GrpcFront:
    """An ASGI application for requests whose content type is gRPC's."""

    def __init__(self, receiver: OtlpReceiver, budget: Budget, inflating: Inflating) -> None:
        self._receiver = receiver
        self._budget = budget
        self._inflating = inflating
        self._signals = {signal.grpc_method: signal for signal in Signal}
        self.methods = frozenset((*self._signals, _HEALTH))

    async def __call__(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> None:
        """Answer one call."""
        signal = self._signals.get(scope["path"])
        if signal is None:
            await self._other(scope, receive, send)
            return
        headers = caller.headers
        answer = await self._receiver.handle(
            signal, Encoding.PROTOBUF, caller, partial(self._message, headers, receive)
        )
        if answer.code is Code.OK:
            await send(_START)
            body = answer.body
            await send({"type": "http.response.body", "body": _frame(body)} if body else _EMPTY)
            await send(_OK)
        else:
            await _refuse(send, answer.code.grpc, answer.message, _details(answer))

    async def stop(self, send: Send) -> None:
        """Answer a call that comes while we end."""
        await _refuse(send, STOPPING.code.grpc, STOPPING.message)

    async def _message(self, headers: Headers, receive: Receive) -> bytes:
        """The one message of a unary call, inflated. Raises Refused, Disconnected."""
        limit = self._receiver.max_request_bytes
        body = await read_body(receive, limit + _PREFIX, limit, self._budget)
        if len(body) < _PREFIX:
            raise Refused(Code.INVALID, "the call has no whole message")
        size = int.from_bytes(body[1:_PREFIX], "big")
        if size > limit:
            raise too_large(limit)
        if len(body) != _PREFIX + size:
            raise Refused(Code.INVALID, "the call must have one whole message")
        flag = body[0]
        message = body[_PREFIX:]
        if not flag:
            return message
        coding = headers.get(b"grpc-encoding", b"")
        if flag != 1 or coding not in _CODINGS:
            raise Refused(Code.UNSUPPORTED, "the message encoding must be gzip or identity")
        if coding != b"gzip":
            raise Refused(Code.INVALID, "the message is marked as compressed, and no grpc-encoding says how")
        return await self._inflating(message, partial(decompress, "gzip", limit=limit, ratio=self._inflating.ratio))

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != _HEALTH:
            await _refuse(send, _UNIMPLEMENTED, "unknown service or method")
            return
        request = (await read_body(receive, 1 << 10, 1 << 10, self._budget))[_PREFIX:]
        service = request[2:].decode(errors="replace")  # HealthCheckRequest: one short string, its tag and length
        if service in _SERVICES:
            await send(_START)
            await send({"type": "http.response.body", "body": _frame(_SERVING)})
            await send(_OK)
        else:
            await _refuse(send, _NOT_FOUND, "unknown service")


def _frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def _details(answer: Answer) -> Sequence[tuple[bytes, bytes]]:
    # The same bytes as an HTTP answer's body: google.rpc.Status, with RetryInfo where it applies.
    headers = [(b"grpc-status-details-bin", b64encode(answer.body).rstrip(b"="))]
    if answer.code is Code.UNSUPPORTED:
        headers.append((b"grpc-accept-encoding", b"identity,gzip"))
    return headers


async def _refuse(send: Send, status: int, message: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Trailers only, as gRPC calls an answer without a message."""
    told = [
        _TYPE,
        (b"grpc-status", b"%d" % status),
        (b"grpc-message", quote(message, safe=_PRINTABLE).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": told})
    await send({"type": "http.response.body", "body": b""})
