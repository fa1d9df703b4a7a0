"""Header blocks: of requests, decoded and checked (RFC 9113, section 8); of answers, encoded (RFC 7541).

Answers use no dynamic table: those of a receiver are few and short, and each is encoded once (`answers.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from hpack import Decoder, HPACKError
from hpack.table import HeaderTable

from ingest.exchange import Fields, Headers
from ingest.front.connection import MAX_HEADERS

_ENTRY_BYTES = 32
"""What each header counts on top of its bytes (RFC 7541, section 4.1)."""
_DECODED = 4
"""Times the limit that is decoded all the same, so that the client hears why it is refused."""
_REMEMBERED = 16
_MOST_DIGITS = 18
_RESIZE = 0x20
"""Begins a change of the table's size."""
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_BAD_VALUE = re.compile(rb"[\0\r\n]|^[ \t]|[ \t]$")
_OF_CONNECTIONS = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))
_NEEDED = (b":method", b":scheme", b":path")
_STATIC = {entry[0]: number for number, entry in reversed(list(enumerate(HeaderTable.STATIC_TABLE, 1)))}
"""Name -> its first number in the static table."""


class CompressionError(Exception):
    """The block cannot be decoded; the connection's table is lost with it."""


class MalformedRequest(Exception):
    """The request breaks a rule of HTTP; it ends its stream alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's headers, pseudo-headers apart.

    `path`: decoded, without the query; `length`: of the body, if it is said; `too_large`: over the limits, to be
    answered with 431.
    """

    method: str
    path: str
    headers: Headers
    length: int | None
    too_large: bool


class RequestDecoder:
    """The decoding side of a connection."""

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of a request's headers, counted as SETTINGS_MAX_HEADER_LIST_SIZE does."""
        self._limit = limit
        self._decoder = Decoder(_DECODED * limit)
        # Blocks that leave the table as it is mean the same as long as it stays so: a client's calls are all alike.
        self._known: dict[bytes, Request] = {}
        self._state: tuple[object, int] = (None, 0)

    def request(self, block: bytes) -> Request:
        """Raises CompressionError, MalformedRequest."""
        known = self._known.get(block)
        if known is not None:
            return known
        before = self._state
        fields = self.fields(block)
        same = self._state is before
        request = self._request(fields)
        if same and len(self._known) < _REMEMBERED and block[0] & 0xE0 != _RESIZE:
            self._known[block] = request
        return request

    def fields(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """Names and values as they came; any block may change the table. Raises CompressionError."""
        try:
            found = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except (HPACKError, ValueError, IndexError) as error:
            raise CompressionError(str(error)) from None
        entries = self._decoder.header_table.dynamic_entries
        newest, count = (entries[0] if entries else None), len(entries)
        if newest is not self._state[0] or count != self._state[1]:
            self._state = (newest, count)
            self._known.clear()
        return found

    def _request(self, fields: list[tuple[bytes, bytes]]) -> Request:
        pseudo: dict[bytes, bytes] = {}
        headers: dict[bytes, bytes] = {}
        size = 0
        for name, value in fields:
            size += len(name) + len(value) + _ENTRY_BYTES
            if _BAD_VALUE.search(value):
                raise MalformedRequest("a value has a character that it must not have")
            if name.startswith(b":"):
                if headers or name in pseudo or name not in _PSEUDO:
                    raise MalformedRequest("a pseudo-header is unknown, doubled or late")
                pseudo[name] = value
                continue
            if not _NAME.fullmatch(name) or name in _OF_CONNECTIONS or (name == b"te" and value != b"trailers"):
                raise MalformedRequest("a header must not be there")
            headers[name] = headers[name] + b", " + value if name in headers else value
        if any(not pseudo.get(name) for name in _NEEDED):
            raise MalformedRequest("a pseudo-header is missing")
        if b":authority" in pseudo:
            headers.setdefault(b"host", pseudo[b":authority"])
        too_large = size > self._limit or len(fields) > MAX_HEADERS
        length = headers.get(b"content-length")
        if length is not None and not (length.isdigit() and len(length) <= _MOST_DIGITS):
            raise MalformedRequest("a content length must be a number")
        return Request(
            pseudo[b":method"].decode("latin-1"),
            unquote_to_bytes(pseudo[b":path"].partition(b"?")[0]).decode("latin-1"),
            headers,
            int(length) if length is not None else None,
            too_large,
        )


def status_block(status: int, headers: Fields) -> bytes:
    """The header block of an answer."""
    return _literal(b":status", b"%d" % status) + fields_block(headers)


def fields_block(fields: Fields) -> bytes:
    """A header block without a status, as trailers have it."""
    return b"".join(_literal(name, value) for name, value in fields)


def _literal(name: bytes, value: bytes) -> bytes:
    number = _STATIC.get(name)
    head = _integer(number, 4) if number is not None else b"\0" + _integer(len(name), 7) + name
    return head + _integer(len(value), 7) + value


def _integer(value: int, bits: int) -> bytes:
    """RFC 7541, section 5.1, with zeroes above the prefix."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    out = [most]
    value -= most
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


FORGET_TABLE = b"\x20"
"""Sets the size of our (unused) dynamic table to 0: owed to a client that makes its own smaller (RFC 7541, 4.2)."""
