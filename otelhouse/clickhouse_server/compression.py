"""Bodies in both directions: gzip, deflate, zstd and lz4 frames, a chunk at a time."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Protocol

import lz4.frame  # type: ignore[import-untyped] # ships no types
import zstandard

from otelhouse.clickhouse_server.errors import CANNOT_DECOMPRESS, INCORRECT_DATA, ServerError

PREFERENCE = ("lz4", "zstd", "gzip", "deflate")


class Encoder(Protocol):
    """Compresses one body."""

    def compress(self, data: bytes) -> bytes:
        """What can be sent after `data` was added; may be empty."""

    def flush(self) -> bytes:
        """The end of the body."""


class _Lz4Encoder:
    def __init__(self) -> None:
        self._frame: Any = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        begin: bytes = b"" if self._begun else self._frame.begin()
        self._begun = True
        return begin + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        begin: bytes = b"" if self._begun else self._frame.begin()
        return begin + bytes(self._frame.flush())


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(1, wbits=31),
    "deflate": lambda: zlib.compressobj(1),
}
_DECODERS: dict[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(read_across_frames=False),
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
}


def negotiate(accept_encoding: str) -> str:
    """The encoding to answer with, "" for none."""
    offered = {part.split(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((name for name in PREFERENCE if name in offered), "")


def encoder(name: str) -> Encoder:
    """An encoder for a name that `negotiate` returned."""
    return _ENCODERS[name]()


class Decoder:
    """Decompresses one body, which may be several frames one after the other (clickhouse-connect sends one a block)."""

    def __init__(self, name: str) -> None:
        name = name.strip().lower()
        if name not in ("", "identity") and name not in _DECODERS:
            raise ServerError(INCORRECT_DATA, f"Unknown content encoding {name!r}", "INCORRECT_DATA")
        self._make = _DECODERS.get(name)
        self._frame: Any = None

    def decode(self, data: bytes) -> bytes:
        """Plain bytes that `data` completes. Raises ServerError if they are not of this encoding."""
        if self._make is None:
            return data
        out = []
        try:
            while data:
                self._frame = self._frame or self._make()
                out.append(self._frame.decompress(data))
                data = b""
                if self._frame.eof:
                    data, self._frame = self._frame.unused_data or b"", None
        except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
            raise ServerError(CANNOT_DECOMPRESS, f"Cannot decompress the body: {error}", "CANNOT_DECOMPRESS") from None
        return b"".join(out)

    def finish(self) -> None:
        """Raises ServerError if the body ended within a frame."""
        if self._frame is not None:
            raise ServerError(CANNOT_DECOMPRESS, "The compressed body is cut short", "CANNOT_DECOMPRESS")
