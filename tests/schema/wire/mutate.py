"""Mutations of serialized requests: of raw bytes, and of fields so that the result is valid more often."""

from __future__ import annotations

import random

INTERESTING = (0x00, 0x01, 0x07, 0x0A, 0x0B, 0x0C, 0x12, 0x1A, 0x7F, 0x80, 0x81, 0xC0, 0xED, 0xF4, 0xFF)


def varint(value: int, pad: int = 0) -> bytes:
    """A varint, over-long by `pad` bytes."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    for _ in range(pad):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def delimited(number: int, body: bytes, pad: int = 0) -> bytes:
    """A field with a length."""
    return varint(number << 3 | 2) + varint(len(body), pad) + body


def mutate(body: bytes, rng: random.Random) -> bytes:
    """One to three mutations."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        body = rng.choice(_MUTATIONS)(body, rng)
    return body


def _flip(body: bytes, rng: random.Random) -> bytes:
    if not body:
        return body
    at = rng.randrange(len(body))
    new = rng.choice(INTERESTING) if rng.random() < 0.5 else body[at] ^ 1 << rng.randrange(8)
    return body[:at] + bytes((new,)) + body[at + 1 :]


def _truncate(body: bytes, rng: random.Random) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _insert(body: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + rng.randbytes(rng.randrange(1, 5)) + body[at:]


def _remove(body: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(body) + 1)
    return body[:at] + body[at + rng.randrange(1, 5) :]


def _append(body: bytes, rng: random.Random) -> bytes:
    return body + _field(rng)


def _field(rng: random.Random, depth: int = 0) -> bytes:
    """A random field, mostly well-formed, of a number that may be known or not."""
    number = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 1000, (1 << 29) - 1))
    wire = rng.choice((0, 1, 2, 2, 3, 5))
    tag = varint(number << 3 | wire, rng.choice((0, 0, 0, 0, 1)))
    if wire == 0:
        return tag + varint(rng.choice((0, 1, 300, 2**31, 2**32, 2**63, 2**64 - 1)), rng.choice((0, 0, 1)))
    if wire == 1:
        return tag + rng.randbytes(8)
    if wire == 5:
        return tag + rng.randbytes(4)
    inner = b"".join(_field(rng, depth + 1) for _ in range(rng.randrange(3))) if depth < 4 else b""
    if wire == 3:
        return tag + inner + varint((number if rng.random() < 0.9 else 2) << 3 | 4)
    return tag + varint(len(inner), rng.choice((0, 0, 1))) + inner


def fields(body: bytes) -> list[bytes] | None:
    """The top-level fields of a message whose fields are varints, fixed or delimited; None if it is none such."""
    out, p = [], 0
    while p < len(body):
        start = p
        tag, p = _varint_at(body, p)
        if p < 0 or tag >> 3 == 0:
            return None
        if tag & 7 == 0:
            _, p = _varint_at(body, p)
        elif tag & 7 in (1, 5):
            p += 8 if tag & 7 == 1 else 4
        elif tag & 7 == 2:
            size, p = _varint_at(body, p)
            p = p + size if p >= 0 else p
        else:
            return None
        if p < 0 or p > len(body):
            return None
        out.append(body[start:p])
    return out


def _varint_at(body: bytes, p: int) -> tuple[int, int]:
    value = 0
    for i in range(10):
        if p >= len(body):
            return 0, -1
        value |= (body[p] & 0x7F) << 7 * i
        p += 1
        if body[p - 1] < 0x80:
            return value, p
    return 0, -1


def _restructure(body: bytes, rng: random.Random) -> bytes:
    """Descend at random; at some level shuffle, repeat, drop, split or add fields; the lengths around stay right."""
    parts = fields(body)
    if parts is None:
        return body
    nested = [i for i, part in enumerate(parts) if part[0] & 7 == 2 and part[0] < 0x80 and len(part) > 2]
    if nested and rng.random() < 0.8:
        i = rng.choice(nested)
        size, start = _varint_at(parts[i], 1)
        inner = parts[i][start : start + size]
        if rng.random() < 0.1 and (pieces := fields(inner)):
            # The same message in two pieces.
            cut = rng.randrange(len(pieces) + 1)
            number = parts[i][0] >> 3
            parts[i] = delimited(number, b"".join(pieces[:cut])) + delimited(number, b"".join(pieces[cut:]))
        else:
            parts[i] = delimited(parts[i][0] >> 3, _restructure(inner, rng), rng.choice((0, 0, 0, 1)))
        return b"".join(parts)
    choice = rng.randrange(4)
    if choice == 0:
        rng.shuffle(parts)
    elif choice == 1 and parts:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(parts))
    elif choice == 2 and parts:
        parts.pop(rng.randrange(len(parts)))
    else:
        parts.insert(rng.randrange(len(parts) + 1), _field(rng))
    return b"".join(parts)


_MUTATIONS = (_flip, _flip, _truncate, _insert, _remove, _append, *[_restructure] * 5)
