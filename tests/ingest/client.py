"""A gRPC client that sends what it is told to."""

from __future__ import annotations

import grpc
import pytest

from schema.signal import Signal


class GrpcClient:
    """Sends raw bytes to any method."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)

    def export(self, body: bytes, method: str = Signal.TRACES.grpc_method, gzip: bool = False, key: str = "") -> bytes:
        compression = grpc.Compression.Gzip if gzip else grpc.Compression.NoCompression
        metadata = (("authorization", f"Bearer {key}"),) if key else ()
        answer: bytes = self.channel.unary_unary(method)(body, timeout=10, compression=compression, metadata=metadata)
        return answer

    def refusal(self, body: bytes, method: str = Signal.TRACES.grpc_method, key: str = "") -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as caught:
            self.export(body, method, key=key)
        return caught.value
