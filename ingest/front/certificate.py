"""The names in a client's certificate, as Envoy hands on what it has verified.

Read from the certificate itself: Envoy's own list of its names does not quote them, so that a name could pass for two.
Sources: RFC 5280 (Certificate, SubjectAltName), X.690 (DER); Envoy's documentation of x-forwarded-client-cert.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

CERTIFICATE_HEADER = b"x-forwarded-client-cert"
"""Envoy's alone: it takes away what a client sends under this name."""

_PEM = re.compile(r'Cert="([^"]*)"')
_BODY = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_EXTENSIONS, _OCTETS, _DNS, _URI = 0xA3, 0x04, 0x82, 0x86
_ALTERNATIVE_NAMES = bytes((0x06, 3, 0x55, 0x1D, 0x11))
"""The identifier 2.5.29.17."""


@lru_cache(1024)
def names_in(header: bytes) -> tuple[str, ...]:
    """Subject alternative names as `URI:...` and `DNS:...`; none if the header holds no certificate."""
    found = _PEM.search(header.decode("latin-1"))
    body = _BODY.search(unquote(found[1])) if found else None
    return tuple(_names(base64.b64decode(body[1]))) if body else ()


def _names(certificate: bytes) -> Iterator[str]:
    (_, signed), *_ = _fields(_only(certificate))  # the signed part comes first
    for tag, value in _fields(signed):
        if tag != _EXTENSIONS:
            continue
        for _, extension in _fields(_only(value)):
            if not extension.startswith(_ALTERNATIVE_NAMES):
                continue
            (names,) = (octets for kind, octets in _fields(extension) if kind == _OCTETS)
            for kind, name in _fields(_only(names)):
                if kind in (_DNS, _URI):
                    yield f"{'DNS' if kind == _DNS else 'URI'}:{name.decode('latin-1')}"


def _only(data: bytes) -> bytes:
    """Contents of the one field that there is."""
    ((_, value),) = _fields(data)
    return value


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and contents of one DER field after the other. Raises IndexError if it is cut off."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise IndexError("a DER field is cut off")
        yield tag, data[at : at + length]
        at += length
