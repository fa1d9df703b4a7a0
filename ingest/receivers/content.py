"""Content-Encoding of HTTP requests, undone within a bound."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable

from ingest.answer import Code, Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MAX_WINDOW_LOG = 23  # 8 MiB: what RFC 9659 lets a sender of zstd over HTTP ask for


def decompress(encoding: str, body: bytes, limit: int) -> bytes:
    """The body without its Content-Encoding, at most `limit` bytes. Raises Refused."""
    if encoding in ("", "identity"):
        return body
    inflate = _CODECS.get(encoding)
    if inflate is None:
        raise Refused(Code.UNSUPPORTED, f"the content encoding must be one of {', '.join(_CODECS)}, identity")
    try:
        content = inflate(body, limit)
    except (zlib.error, zstd.ZstdError, EOFError):
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
    """Frames of zstd; at most limit + 1 bytes."""
    out = bytearray()
    while body and len(out) <= limit:
        frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG})
        while not frame.eof and len(out) <= limit:
            if not body and frame.needs_input:
                raise EOFError
            out += frame.decompress(body, limit + 1 - len(out))
            body = b""
        body = frame.unused_data if frame.eof else b""
    return bytes(out)


_CODECS: dict[str, Callable[[bytes, int], bytes]] = {"gzip": _zlib, "deflate": _zlib, "zstd": _zstd}
