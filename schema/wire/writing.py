"""Protobuf fields written in Python: the few that we make ourselves, as answers, added attributes, masked values."""

from __future__ import annotations

_BYTES = tuple(bytes((value,)) for value in range(0x80))


def varint(number: int) -> bytes:
    """A number >= 0."""
    if number < 0x80:  # nearly always: a flood of refusals shall cost little
        return _BYTES[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def delimited(tag: int, payload: bytes) -> bytes:
    """A field of wire type 2; `tag`: its number << 3 | 2."""
    return varint(tag) + varint(len(payload)) + payload
