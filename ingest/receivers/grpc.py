"""OTLP/gRPC: a front of `OtlpReceiver` that speaks gRPC's framing over HTTP/2 (gRPC's PROTOCOL-HTTP2 document)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from functools import partial
from urllib.parse import quote

from ingest.answer import Code, Refused, unavailable
from ingest.budget import Budget
from ingest.exchange import Exchange, Fields
from ingest.receivers.content import decompress, too_large
from ingest.receivers.encoding import Encoding
from ingest.receivers.otlp import Answer, OtlpReceiver
from ingest.receivers.reading import Inflating, read_body
from schema.signal import Signal

_PREFIX = 5
"""Bytes before a message: whether it is compressed, and its length."""
_CODINGS = (b"", b"identity", b"gzip")
_TYPE: Fields = ((b"content-type", b"application/grpc"),)
_EMPTY = bytes(_PREFIX)
_OK: Fields = ((b"grpc-status", b"0"),)
_TIMEOUT = b"grpc-timeout"
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_DEADLINE_EXCEEDED = 4
_UNIMPLEMENTED, _NOT_FOUND = 12, 5
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")

_HEALTH = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""A HealthCheckResponse (grpc/health/v1/health.proto)."""
_SERVICES = ("", *(signal.grpc_method.split("/")[1] for signal in Signal))


STOPPING = unavailable("ingest is stopping")
"""What a call is told that comes while we end: try again, which leads to another ingest."""


class GrpcFront:
    """Answers requests whose content type is gRPC's."""

    def __init__(self, receiver: OtlpReceiver, budget: Budget, inflating: Inflating) -> None:
        self._receiver = receiver
        self._budget = budget
        self._inflating = inflating
        self._signals = {signal.grpc_method: signal for signal in Signal}
        self.methods = frozenset((*self._signals, _HEALTH))

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one call, at its client's deadline at the latest."""
        deadline: asyncio.TimerHandle | None = None
        if (timeout := exchange.headers.get(_TIMEOUT)) is not None:
            seconds = _seconds(timeout)
            if seconds is None:
                _refuse(exchange, Code.INVALID.grpc, "grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n")
                return
            deadline = asyncio.get_running_loop().call_later(seconds, _late, exchange)
        try:
            signal = self._signals.get(exchange.path)
            if signal is None:
                await self._other(exchange)
                return
            answer = await self._receiver.handle(signal, Encoding.PROTOBUF, exchange, partial(self._message, exchange))
        finally:
            if deadline is not None:
                deadline.cancel()
        if answer.code is Code.OK:
            exchange.answer(200, _TYPE, _frame(answer.body) if answer.body else _EMPTY, _OK)
        else:
            _refuse(exchange, answer.code.grpc, answer.message, _details(answer))

    def stop(self, exchange: Exchange) -> None:
        """Answer a call that comes while we end."""
        _refuse(exchange, STOPPING.code.grpc, STOPPING.message)

    async def _message(self, exchange: Exchange) -> bytes:
        """The one message of a unary call, inflated. Raises Refused, Disconnected."""
        limit = self._receiver.max_request_bytes
        body = await read_body(exchange, limit + _PREFIX, limit, self._budget)
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
        coding = exchange.headers.get(b"grpc-encoding", b"")
        if flag != 1 or coding not in _CODINGS:
            raise Refused(Code.UNSUPPORTED, "the message encoding must be gzip or identity")
        if coding != b"gzip":
            raise Refused(Code.INVALID, "the message is marked as compressed, and no grpc-encoding says how")
        return await self._inflating(message, partial(decompress, "gzip", limit=limit, ratio=self._inflating.ratio))

    async def _other(self, exchange: Exchange) -> None:
        if exchange.path != _HEALTH:
            _refuse(exchange, _UNIMPLEMENTED, "unknown service or method")
            return
        request = (await read_body(exchange, 1 << 10, 1 << 10, self._budget))[_PREFIX:]
        service = request[2:].decode(errors="replace")  # HealthCheckRequest: one short string, its tag and length
        if service in _SERVICES:
            exchange.answer(200, _TYPE, _frame(_SERVING), _OK)
        else:
            _refuse(exchange, _NOT_FOUND, "unknown service")


def _seconds(timeout: bytes) -> float | None:
    """grpc-timeout as seconds; None if it is none (PROTOCOL-HTTP2, "Requests")."""
    unit = _UNITS.get(timeout[-1:])
    digits = timeout[:-1]
    return int(digits) * unit if unit is not None and digits.isdigit() and len(digits) <= 8 else None


def _late(exchange: Exchange) -> None:
    exchange.cut(200, _trailers_only(_DEADLINE_EXCEEDED, "the deadline of the call is over"))


def _frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def _details(answer: Answer) -> Fields:
    # The same bytes as an HTTP answer's body: google.rpc.Status, with RetryInfo where it applies.
    headers = [(b"grpc-status-details-bin", b64encode(answer.body).rstrip(b"="))]
    if answer.code is Code.UNSUPPORTED:
        headers.append((b"grpc-accept-encoding", b"identity,gzip"))
    return tuple(headers)


def _refuse(exchange: Exchange, status: int, message: str, headers: Fields = ()) -> None:
    exchange.answer(200, _trailers_only(status, message, headers))


def _trailers_only(status: int, message: str, headers: Fields = ()) -> Fields:
    """As gRPC calls an answer without a message."""
    told = quote(message, safe=_PRINTABLE).encode()
    return (*_TYPE, (b"grpc-status", b"%d" % status), (b"grpc-message", told), *headers)
