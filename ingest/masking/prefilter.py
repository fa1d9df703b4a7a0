"""Whether a text could hold anything at all, from counts over its bytes; nearly every text ends here."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import BASE64, CLASS
from schema.loads import get8

LEAST = 6
"""Bytes of the shortest thing that is found (a@b.co)."""
CHUNK = 1 << 14
LEAST_BASE64 = 16
"""Characters of base64 that can hide something: eleven bytes and more."""

_DIGIT, _DOT, _COLON, _AT = 1, 1 << 16, 1 << 32, 1 << 48


def _counters() -> np.ndarray:
    table = np.zeros(256, np.int64)
    for byte in range(0x30, 0x3A):
        table[byte] = _DIGIT
    table[ord(".")], table[ord(":")], table[ord("@")] = _DOT, _COLON, _AT
    return table


COUNTERS = _counters()


def pair_table() -> np.ndarray:
    """uint8[65536] by (byte | next << 8): 1 where a credential or an assignment could stand around the pair."""
    table = np.zeros(1 << 16, np.uint8)

    def mark(text: bytes) -> None:
        table[text[0] | text[1] << 8] = 1

    for pair in (
        b"yJ", b"KI", b"SI", b"BI", b"CC", b"Iz", b"a2", b"PX", b"gh", b"gl", b"xo", b"xa", b"k_", b"k-", b"c_",
        b"m_", b"i-", b"G.", b"t_", b"s_", b"p_", b"hf", b"hv", b"pi", b"y=", b"g=", b"s.", b"r ", b"c ", b"R ",
        b"C ", b"r%", b"c%", b"r:", b"c:", b"%4", b"--", b"//", b"Q~",
    ):  # fmt: skip
        mark(pair)
    # name=value, name: value, "name": value, for names that end as secrets' names do
    for last in b"dtnyesDTNYES\"'":
        for sign in b"=:":
            mark(bytes((last, sign)))
    return table


@njit(nogil=True, cache=True)
def worth_looking(data, begin, end, pairs):
    """Whether to look closer at data[begin:end]; `pairs`: address of the pair_table()."""
    if end - begin < LEAST:
        return False
    digits, dots, colons, signs = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    found = np.int64(0)
    run = np.int64(0)
    longest = np.int64(0)
    before = np.int64(0)
    p = begin
    while p < end:
        stop = min(end, p + CHUNK)
        counts = np.int64(0)
        while p < stop:
            byte = get8(data, p)
            counts += COUNTERS[byte]
            found |= get8(pairs, before | byte << 8)
            run = (run + 1) * np.int64(CLASS[byte] & BASE64 != 0)
            longest = max(longest, run)
            before = byte
            p += 1
        digits += counts & 0xFFFF
        dots += (counts >> 16) & 0xFFFF
        colons += (counts >> 32) & 0xFFFF
        signs += counts >> 48
    return (
        found != 0 or signs != 0 or digits >= 7 or colons >= 2 or (dots >= 3 and digits >= 4) or longest >= LEAST_BASE64
    )
