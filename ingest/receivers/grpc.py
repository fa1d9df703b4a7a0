"""OTLP/gRPC: a front of `OtlpReceiver` on grpcio, which inflates gzip and refuses other services itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc
from grpc import aio

from ingest.receivers.encoding import Encoding
from ingest.receivers.otlp import OtlpReceiver
from otelhouse.address import Address
from otelhouse.errors import StartupError
from otelhouse.http_server import bind
from schema.signal import Signal

_SETTING = "ingest.otlp_grpc"
_STATUS_DETAILS = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Handler = Callable[[bytes, aio.ServicerContext[bytes, bytes]], Awaitable[bytes]]


class GrpcFront:
    """The gRPC listener."""

    def __init__(self, receiver: OtlpReceiver) -> None:
        self._server = aio.server(
            options=(
                ("grpc.max_receive_message_length", receiver.max_request_bytes),
                ("grpc.so_reuseport", 0),  # or a second ingest would take half of this one's connections
            )
        )
        self._server.add_generic_rpc_handlers((_Services(receiver),))

    async def start(self, address: Address) -> Address:
        """Listen; returns the bound address. Raises StartupError."""
        bind(address, _SETTING).close()  # says why it cannot be bound, which grpcio does not
        try:
            port = self._server.add_insecure_port(str(address))
        except RuntimeError:
            raise StartupError(f"{_SETTING}: cannot listen on {address}") from None
        await self._server.start()
        return Address(address.host, port)

    async def stop(self, seconds: float) -> None:
        """Take no more calls; those under way have this long to end."""
        await self._server.stop(seconds)


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio ships no types
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._methods = {
            signal.grpc_method: grpc.unary_unary_rpc_method_handler(_handler(receiver, signal)) for signal in Signal
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._methods.get(details.method)


def _handler(receiver: OtlpReceiver, signal: Signal) -> Handler:
    async def export(body: bytes, context: aio.ServicerContext[bytes, bytes]) -> bytes:
        metadata = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
        answer = await receiver.handle(signal, Encoding.PROTOBUF, metadata, body)
        code, _ = answer.code.value
        if code:
            # Same bytes as the HTTP front sends as its body: google.rpc.Status, with RetryInfo where it applies.
            await context.abort(_CODES[code], answer.message, ((_STATUS_DETAILS, answer.body),))
        return answer.body

    return export
