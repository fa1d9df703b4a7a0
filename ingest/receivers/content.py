"""Content-Encoding of HTTP requests, undone within a bound."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

from ingest.answer import Code, Refused

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MAX_WINDOW = 8 << 20  # what RFC 9659 lets a sender of zstd over HTTP ask for


def decompress(encoding: str, body: bytes, limit: int) -> bytes:
    """The body without its Content-Encoding, at most `limit` bytes. Raises Refused."""
    if encoding in ("", "identity"):
        return body
    inflate = _CODECS.get(encoding)
    if inflate is None:
        raise Refused(Code.UNSUPPORTED, f"the content encoding must be one of {', '.join(_CODECS)}, identity")
    try:
        content = inflate(body, limit)
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise Refused(Code.INVALID, f"the body is not valid {encoding}") from None
    if len(content) > limit:
        raise too_large(limit)
    return content


def too_large(limit: int) -> Refused:
    """A body that is over the limit after decompression."""
    return Refused(Code.TOO_LARGE, f"the request is larger than {limit} bytes")


def _zlib(body: bytes, limit: int) -> bytes:
    """gzip (of several members too) or deflate; at most limit + 1 bytes."""
    out = b""
    while body and len(out) <= limit:
        member = zlib.decompressobj(_GZIP_OR_ZLIB)
        out += member.decompress(body, limit + 1 - len(out))
        if not member.eof and len(out) <= limit:
            raise EOFError
        body = member.unused_data
    return out


def _zstd(body: bytes, limit: int) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(body, read_across_frames=True)
    out = bytearray()
    while len(out) <= limit and (chunk := reader.read(min(limit + 1 - len(out), 1 << 20))):
        out += chunk
    return bytes(out)


_CODECS: dict[str, Callable[[bytes, int], bytes]] = {"gzip": _zlib, "deflate": _zlib, "zstd": _zstd}
