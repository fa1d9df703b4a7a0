"""Classes of bytes, and what stands around a place: shared by the detectors."""

from __future__ import annotations

import numpy as np
from numba import njit

from schema.loads import get8

DIGIT, UPPER, LOWER, HEX, BASE64, LOCAL, TOKEN, HIGH = (1 << bit for bit in range(8))
LETTER = UPPER | LOWER
WORD = LETTER | DIGIT
"""Letters and digits of ASCII."""


def _classes() -> np.ndarray:
    table = np.zeros(256, np.uint8)

    def mark(characters: bytes, bit: int) -> None:
        for byte in characters:
            table[byte] |= bit

    digits = bytes(range(0x30, 0x3A))
    upper, lower = bytes(range(0x41, 0x5B)), bytes(range(0x61, 0x7B))
    mark(digits, DIGIT)
    mark(upper, UPPER)
    mark(lower, LOWER)
    mark(digits + b"abcdefABCDEF", HEX)
    mark(digits + upper + lower + b"+/-_", BASE64)
    mark(digits + upper + lower + b"._%+-" + bytes(range(0x80, 0x100)), LOCAL)
    mark(digits + upper + lower + b"-._~+/=", TOKEN)
    mark(bytes(range(0x80, 0x100)), HIGH)
    return table


CLASS = _classes()

PERCENT, PLUS, COMMA, DASH, DOT, SLASH, COLON, EQUALS, AT = 0x25, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3A, 0x3D, 0x40
SPACE, QUOTE, APOSTROPHE, OPEN, CLOSE, BACKSLASH, UNDERSCORE = 0x20, 0x22, 0x27, 0x28, 0x29, 0x5C, 0x5F
ZERO = 0x30


@njit(nogil=True, cache=True)
def at(data, begin, end, i):
    """The byte at i, 0 outside of the text."""
    if i < begin or i >= end:
        return np.int64(0)
    return get8(data, i)


@njit(nogil=True, cache=True)
def is_a(byte, bits):
    """Whether the byte is of one of these classes."""
    return CLASS[byte] & bits != 0


@njit(nogil=True, cache=True)
def lower(byte):
    """The byte, an ASCII capital as its small letter."""
    return byte | 0x20 if 0x41 <= byte <= 0x5A else byte


@njit(nogil=True, cache=True)
def escaped(data, begin, i):
    """Whether an escape ends at i: \\n and its like of JSON, or %20 of a URL. What follows begins afresh."""
    if i - begin >= 2 and get8(data, i - 2) == BACKSLASH and get8(data, i - 1) in (0x6E, 0x72, 0x74):
        return True
    return (
        i - begin >= 3
        and get8(data, i - 3) == PERCENT
        and is_a(get8(data, i - 2), HEX)
        and is_a(get8(data, i - 1), HEX)
    )


@njit(nogil=True, cache=True)
def opens_word(data, begin, i):
    """Whether a word can begin at i: no letter or digit of ASCII goes right before.

    Others do not count: many languages put no space between their words and a number, and write other punctuation.
    """
    if i <= begin or not is_a(get8(data, i - 1), WORD):
        return True
    return escaped(data, begin, i)


@njit(nogil=True, cache=True)
def opens_number(data, begin, i):
    """Whether a number can begin at i: neither in a word nor behind a decimal point."""
    if not opens_word(data, begin, i):
        return False
    return i - begin < 2 or get8(data, i - 1) != DOT or not is_a(get8(data, i - 2), DIGIT)


@njit(nogil=True, cache=True)
def closes_number(data, end, i):
    """Whether a number can end before i: neither a word nor a decimal follows. A comma parts numbers of a list."""
    if i >= end:
        return True
    byte = get8(data, i)
    if is_a(byte, WORD):
        return False
    return byte != DOT or i + 1 >= end or not is_a(get8(data, i + 1), DIGIT)


@njit(nogil=True, cache=True)
def separator_at(data, begin, end, p):
    """What parts groups of digits at p -> (SPACE, DASH or 0 for nothing of that kind, its bytes).

    Spaces: of a URL, too, and Unicode's that do not break (U+00A0, U+2007, U+2009, U+202F). Dashes: U+2010 to U+2013.
    """
    byte = at(data, begin, end, p)
    if byte in (SPACE, DASH):
        return byte, 1
    if byte == PERCENT and at(data, begin, end, p + 1) == 0x32 and at(data, begin, end, p + 2) == ZERO:
        return np.int64(SPACE), 3
    if byte == 0xC2 and at(data, begin, end, p + 1) == 0xA0:
        return np.int64(SPACE), 2
    if byte == 0xE2 and at(data, begin, end, p + 1) == 0x80:
        last = at(data, begin, end, p + 2)
        if last in (0x87, 0x89, 0xAF):
            return np.int64(SPACE), 3
        if 0x90 <= last <= 0x93:
            return np.int64(DASH), 3
    return np.int64(0), 0


@njit(nogil=True, cache=True)
def ends_with(data, begin, i, word):
    """Whether the ASCII letters before i, in any case, are `word` (small letters, a global array)."""
    size = len(word)
    if i - begin < size:
        return False
    for k in range(size):
        if lower(get8(data, i - size + k)) != word[k]:
            return False
    return True


@njit(nogil=True, cache=True)
def begins_with(data, end, i, word):
    """Whether the bytes from i on are `word` (a global array)."""
    if end - i < len(word):
        return False
    for k in range(len(word)):
        if get8(data, i + k) != word[k]:
            return False
    return True


def word(text: bytes) -> np.ndarray:
    """Bytes as an array that kernels take as a constant."""
    return np.frombuffer(text, np.uint8).copy()
