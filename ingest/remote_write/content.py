"""What a remote-write request says of its body: which message it is, and that it is compressed by snappy."""

from __future__ import annotations

import cramjam
import numpy as np
import numpy.typing as npt

from ingest.answer import Code, Refused
from ingest.receivers.content import too_large
from schema.remote_write.layout import Version

MEDIA_TYPE = "application/x-protobuf"
MESSAGES = {"prometheus.WriteRequest": Version.V1, "io.prometheus.write.v2.Request": Version.V2}
_MAX_VARINT = 5


def version_of(content_type: str) -> Version:
    """Which message a Content-Type (RFC 9110) names; 1.0 without the parameter `proto`. Raises Refused."""
    media_type, *parameters = content_type.split(";")
    if media_type.strip().lower() != MEDIA_TYPE:
        raise Refused(Code.UNSUPPORTED, f"the content type must be {MEDIA_TYPE}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "proto":
            version = MESSAGES.get(value.strip().strip('"'))
            if version is None:
                raise Refused(Code.UNSUPPORTED, f"the message must be {' or '.join(MESSAGES)}")
            return version
    return Version.V1


def check_coding(content_encoding: str) -> None:
    """Refuse what is not snappy. One that is not named is, as old senders have it and Prometheus itself takes it."""
    if content_encoding.strip().lower() not in ("", "snappy"):
        raise Refused(Code.UNSUPPORTED, "the content encoding must be snappy")


def inflated_bytes(body: bytes, limit: int) -> int:
    """Bytes that a body in snappy's block format has, as its header says. Raises Refused."""
    size = 0
    for place, byte in enumerate(body[:_MAX_VARINT]):
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    else:
        raise not_snappy()
    if size > limit:
        raise too_large(limit)
    return size


def inflate(body: bytes, size: int) -> npt.NDArray[np.uint8]:
    """The `size` bytes of a body, uint8[size]. Raises Refused."""
    out = bytearray(size)
    try:
        written = cramjam.snappy.decompress_raw_into(body, out) if size else len(body) - 1
    except cramjam.DecompressionError:
        raise not_snappy() from None
    if written != size:
        raise not_snappy()
    return np.frombuffer(out, np.uint8)


def not_snappy() -> Refused:
    """A body that cannot be read."""
    return Refused(Code.INVALID, "the body is not in snappy's block format")
