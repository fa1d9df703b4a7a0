"""Content-Encoding of requests, undone within a bound of bytes and of growth."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO

from ingest.answer import Code, Refused
from ingest.expansion import LARGE_BYTES, expansion

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FREE_BYTES = 1 << 20
"""A body may inflate to this much whatever its ratio: a small one of a few repeated records is no attack."""
_STEP = 1 << 20
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MAX_WINDOW_LOG = 23  # 8 MiB: what RFC 9659 lets a sender of zstd over HTTP ask for


def decompress(encoding: str, body: bytes, limit: int, ratio: int) -> bytes:
    """The body without its Content-Encoding, at most `limit` bytes and `ratio` times its own. Raises Refused.

    Inflates in steps and stops at the first byte too many, so a bomb costs no more than a body that is allowed. Of
    honest bodies, records that differ in their times alone reach a ratio of 20 to 45, histograms whose buckets are all
    empty 150 by gzip and 780 by zstd; gzip itself ends at 1032.
    """
    if encoding in ("", "identity"):
        return body
    inflate = _CODECS.get(encoding)
    if inflate is None:
        raise Refused(Code.UNSUPPORTED, f"the content encoding must be one of {', '.join(_CODECS)}, identity")
    content = BytesIO()  # grows in place and gives up its bytes without a copy, where a list of pieces would hold two
    size = 0
    large = False
    with ExitStack() as turn:
        try:
            for chunk in inflate(body, min(_STEP, limit + 1)):
                size += content.write(chunk)
                if size > limit:
                    raise too_large(limit)
                if size > FREE_BYTES and size > ratio * len(body):
                    raise Refused(Code.TOO_LARGE, f"the body inflates to more than {ratio} times its size")
                if size >= LARGE_BYTES and not large:
                    large = True
                    turn.enter_context(expansion(size))
        except (zlib.error, zstd.ZstdError, EOFError):
            raise Refused(Code.INVALID, f"the body is not valid {encoding}") from None
        return content.getvalue()


def too_large(limit: int) -> Refused:
    """A body that is over the limit after decompression."""
    return Refused(Code.TOO_LARGE, f"the request is larger than {limit} bytes")


def _zlib(body: bytes, step: int) -> Iterator[bytes]:
    """gzip (of several members too) or deflate, in pieces of at most `step` bytes."""
    while body:
        member = zlib.decompressobj(_GZIP_OR_ZLIB)
        while not member.eof:
            piece = member.decompress(body, step)
            body = member.unconsumed_tail
            if piece:
                yield piece
            elif not body and not member.eof:
                raise EOFError
        body = member.unused_data


def _zstd(body: bytes, step: int) -> Iterator[bytes]:
    """Frames of zstd, in pieces of at most `step` bytes."""
    while body:
        frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG})
        while not frame.eof:
            if not body and frame.needs_input:
                raise EOFError
            piece = frame.decompress(body, step)
            body = b""
            if piece:
                yield piece
        body = frame.unused_data


_CODECS: dict[str, Callable[[bytes, int], Iterator[bytes]]] = {"gzip": _zlib, "deflate": _zlib, "zstd": _zstd}
