"""Whether a text could hold anything at all, in one cheap pass over its bytes; nearly every text ends here.

It may say yes for nothing, never no for something that a detector finds.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import BASE64, CLASS, COLON, DASH, EQUALS, at, is_a, lower, word
from schema.loads import get8

LEAST = 6
"""Bytes of the shortest thing that is found (a@b.co)."""
CHUNK = 1 << 12
LEAST_BASE64 = 15
"""Characters of base64, without padding, that are looked into: eleven bytes and more."""
SAMPLE = 32
"""Characters of base64 that are looked at to tell whether it could stand for text."""

_FIELD = 13
"""Bits of a counter in COUNTERS: enough for the bytes of a chunk."""
_MASK = (1 << _FIELD) - 1
_FEW_DIGITS, _MANY_DIGITS = 8, 10
"""Digits with nothing but separators between: that many with a run of four, or without one (a French telephone)."""


def _counters() -> np.ndarray:
    table = np.zeros(256, np.int64)
    for byte in range(0x30, 0x3A):
        table[byte] = 1
    for place, byte in enumerate(b".:@", 1):
        table[byte] = 1 << _FIELD * place
    return table


def _flags() -> np.ndarray:
    """By byte: 1 for a digit, 2 for what may stand in or between groups of digits, 4 for base64."""
    table = np.zeros(256, np.int64)
    for byte in range(256):
        table[byte] = 4 * int(CLASS[byte] & BASE64 != 0)
    # ... and the bytes of Unicode's spaces and dashes that separator_at() knows
    for byte in b"0123456789 .-()/+%\xc2\xa0\xe2\x80\x87\x89\xaf\x90\x91\x92\x93":
        table[byte] |= 2
    for byte in range(0x30, 0x3A):
        table[byte] |= 1
    return table


COUNTERS = _counters()
FLAGS = _flags()

_LITERALS = (
    # (text, which of its bytes opens the pair): the pair leads to the text, which then is compared
    (b"eyJ", 1), (b"AKIA", 1), (b"ASIA", 1), (b"ABIA", 1), (b"ACCA", 1), (b"AIza", 1), (b"ya29.", 1),
    (b"GOCSPX-", 4), (b"github_pat_", 5), (b"xox", 0), (b"xapp-", 0), (b"sk-", 1), (b"whsec_", 1), (b"npm_", 1),
    (b"AgEI", 1), (b"SG.", 1), (b"shp", 1), (b"dop_v1_", 4), (b"hf_", 1), (b"hvs.", 0), (b"dapi", 1),
    (b"sig=", 2), (b"hooks.slack", 3), (b"%40", 0), (b"-----", 0), (b"://", 1), (b"Q~", 0),
)  # fmt: skip
_TEXT = word(b"".join(text for text, _ in _LITERALS))
_ENDS = np.cumsum(np.array([len(text) for text, _ in _LITERALS], np.int64))
_PLACES = np.array([place for _, place in _LITERALS], np.int64)

_TOKEN, _GITLAB, _STRIPE, _CREDENTIALS, _SIGN = range(len(_LITERALS) + 1, len(_LITERALS) + 6)
"""Codes of pairs that stand for more than one text: gh?_, gl...-, sk_live_ and its like, Bearer or Basic, = and :."""

_BEARER, _BASIC = word(b"bearer"), word(b"basic")


def _name_ends() -> np.ndarray:
    """bool[65536] by the last two letters of secrets' names (first | second << 8)."""
    table = np.zeros(1 << 16, np.bool_)
    for pair in (b"rd", b"wd", b"ss", b"se", b"et", b"en", b"on", b"ey", b"al", b"ls", b"ie", b"es", b"sn", b"er",
                 b"vv", b"vc", b"an", b"wt", b"ty", b"ts", b"ns", b"ys"):  # fmt: skip
        table[pair[0] | pair[1] << 8] = True
    return table


NAME_ENDS = _name_ends()


def pair_table() -> np.ndarray:
    """uint8[65536] by (byte | next << 8): a code if a credential or an assignment could stand around the pair."""
    table = np.zeros(1 << 16, np.uint8)

    def mark(text: bytes, code: int) -> None:
        place = text[0] | text[1] << 8
        if table[place] not in (0, code):
            raise ValueError(f"the pair {text!r} leads to two texts")
        table[place] = code

    for code, (text, place) in enumerate(_LITERALS, 1):
        mark(text[place : place + 2], code)
    mark(b"gh", _TOKEN)
    mark(b"gl", _GITLAB)
    mark(b"k_", _STRIPE)
    for pair in (b"r ", b"c ", b"R ", b"C ", b"r%", b"c%", b"R%", b"C%", b"r:", b"c:", b"R:", b"C:",
                 b"r\t", b"c\t", b"R\t", b"C\t"):  # fmt: skip
        mark(pair, _CREDENTIALS)
    # name=value, name: value, "name": value
    for last in b"dsetnyladerwcvDSETNYLADERWCV\"' \\":
        for sign in b"=:":
            place = last | sign << 8
            if table[place] == 0:
                table[place] = _SIGN
    return table


@njit(nogil=True, cache=True)
def confirms(data, begin, end, p, code):
    """Whether what a pair with this code leads to stands here; `p`: the pair's second byte."""
    if code <= len(_ENDS):
        last = _ENDS[code - 1]
        first = _ENDS[code - 2] if code > 1 else 0
        start = p - 1 - _PLACES[code - 1]
        if start < begin or start + last - first > end:
            return False
        for k in range(last - first):
            if get8(data, start + k) != _TEXT[first + k]:
                return False
        return True
    if code == _TOKEN:
        return at(data, begin, end, p + 2) == 0x5F
    if code == _GITLAB:
        for k in range(p + 1, min(end, p + 7)):
            if get8(data, k) == DASH:
                return True
        return False
    if code == _STRIPE:
        return at(data, begin, end, p + 5) == 0x5F and at(data, begin, end, p + 1) in (0x6C, 0x74)
    if code == _CREDENTIALS and (ends(data, begin, p, _BEARER) or ends(data, begin, p, _BASIC)):
        return True
    if get8(data, p) not in (EQUALS, COLON):
        return False
    last = p - 1
    while last > begin + 1 and p - last < 5 and get8(data, last) in (0x22, 0x27, 0x20, 0x5C):
        last -= 1
    if last <= begin:
        return False
    return NAME_ENDS[lower(get8(data, last - 1)) | lower(get8(data, last)) << 8]


@njit(nogil=True, cache=True)
def ends(data, begin, p, text):
    """Whether the bytes before p are `text` (small letters), in any case."""
    if p - begin < len(text):
        return False
    for k in range(len(text)):
        if lower(get8(data, p - len(text) + k)) != text[k]:
            return False
    return True


@njit(nogil=True, cache=True)
def sextet(byte):
    """What a character of base64 or base64url stands for; -1 for any other."""
    if 0x41 <= byte <= 0x5A:
        return byte - 0x41
    if 0x61 <= byte <= 0x7A:
        return byte - 0x61 + 26
    if 0x30 <= byte <= 0x39:
        return byte - 0x30 + 52
    if byte in (0x2B, DASH):
        return np.int64(62)
    if byte in (0x2F, 0x5F):
        return np.int64(63)
    return np.int64(-1)


@njit(nogil=True, cache=True)
def opens_text(data, p, end):
    """Whether the first of the base64 at p stands for text: UTF-8 without control characters."""
    bits = np.int64(0)
    held = 0
    more = 0  # bytes that the character under way still has
    for k in range(p, min(end, p + SAMPLE)):
        bits = (bits << 6 | sextet(get8(data, k))) & 0xFFFF
        held += 6
        if held < 8:
            continue
        held -= 8
        byte = bits >> held & 0xFF
        if more > 0:
            if byte & 0xC0 != 0x80:
                return False
            more -= 1
        elif byte < 0x80:
            if byte == 0x7F or (byte < 0x20 and byte not in (9, 10, 13)):
                return False
        elif 0xC2 <= byte <= 0xF4:
            more = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
        else:
            return False
    return True


@njit(nogil=True, cache=True)
def holds_base64(data, begin, end):
    """Whether base64 that could stand for text begins anywhere."""
    i = begin
    while i + LEAST_BASE64 <= end:
        if not is_a(get8(data, i), BASE64):
            i += 1
            continue
        stop = i
        while stop < end and is_a(get8(data, stop), BASE64):
            stop += 1
        while i + LEAST_BASE64 <= stop:
            if opens_text(data, i, stop):
                return True
            i += 1
            while i < stop and sextet(get8(data, i - 1)) < 62:
                i += 1
        i = stop
    return False


@njit(nogil=True, cache=True)
def worth_looking(data, begin, end, pairs):
    """Whether to look closer at data[begin:end]; `pairs`: address of the pair_table()."""
    if end - begin < LEAST:
        return False
    digits, dots, colons, signs = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    chain, longest = np.int64(0), np.int64(0)
    run, base64, runs = np.int64(0), np.int64(0), np.int64(0)
    before = np.int64(0)
    p = begin
    while p < end:
        stop = min(end, p + CHUNK)
        counts = np.int64(0)
        while p < stop:
            byte = get8(data, p)
            code = get8(pairs, before | byte << 8)
            if code != 0 and confirms(data, begin, end, p, code):
                return True
            counts += COUNTERS[byte]
            flags = FLAGS[byte]
            digit = flags & 1
            chain = (chain + digit) * (flags >> 1 & 1)
            longest = max(longest, chain)
            run = (run + 1) * digit
            base64 = (base64 + 1) * (flags >> 2)
            # Or-ed, lengths of 4, and of 15 and one more, show as the bits from there on.
            runs |= run & 0xFFFC | (base64 + 1 & -16) << 32
            before = byte
            p += 1
        digits += counts & _MASK
        dots += counts >> _FIELD & _MASK
        colons += counts >> 2 * _FIELD & _MASK
        signs += counts >> 3 * _FIELD
    if signs != 0 or colons >= 2 or (dots >= 3 and digits >= 4):
        return True
    if longest >= _MANY_DIGITS or (longest >= _FEW_DIGITS and runs & 0xFFFF != 0):
        return True
    return runs >> 32 != 0 and holds_base64(data, begin, end)
