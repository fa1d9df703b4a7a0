"""IP addresses, version 4 in dotted decimals (not version numbers), version 6 as RFC 4291 writes them."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import (
    APOSTROPHE,
    COLON,
    DASH,
    DIGIT,
    DOT,
    EQUALS,
    HEX,
    LETTER,
    QUOTE,
    SLASH,
    SPACE,
    UNDERSCORE,
    WORD,
    ZERO,
    at,
    ends_with,
    escaped,
    is_a,
    opens_word,
    word,
)

VERSION, RELEASE, BUILD, VER = word(b"version"), word(b"release"), word(b"build"), word(b"ver")
LONGEST_V6 = 46


@njit(nogil=True, cache=True)
def octets(data, begin, end, i):
    """Past four octets with dots between, from i on; -1 if there are none."""
    p = i
    for k in range(4):
        number = np.int64(0)
        digits = 0
        while digits < 4 and is_a(at(data, begin, end, p), DIGIT):
            number = number * 10 + at(data, begin, end, p) - ZERO
            digits += 1
            p += 1
        if digits == 0 or digits > 3 or number > 255 or (digits > 1 and at(data, begin, end, p - digits) == ZERO):
            return np.int64(-1)
        if k < 3:
            if at(data, begin, end, p) != DOT:
                return np.int64(-1)
            p += 1
    return p


@njit(nogil=True, cache=True)
def names_version(data, begin, end, i):
    """Whether what stands before i says that a version follows: version=, release, Product/."""
    p = i
    while p > begin and i - p < 4 and at(data, begin, end, p - 1) in (SPACE, EQUALS, COLON, QUOTE, APOSTROPHE):
        p -= 1
    if ends_with(data, begin, p, VERSION) or ends_with(data, begin, p, RELEASE) or ends_with(data, begin, p, BUILD):
        return True
    if ends_with(data, begin, p, VER):
        return True
    if at(data, begin, end, i - 1) != SLASH or not is_a(at(data, begin, end, i - 2), WORD):
        return False
    p = i - 1
    while p > begin and (is_a(at(data, begin, end, p - 1), WORD) or at(data, begin, end, p - 1) in (DASH, UNDERSCORE)):
        p -= 1
    return is_a(at(data, begin, end, p), LETTER) and (p == begin or at(data, begin, end, p - 1) == SPACE)


@njit(nogil=True, cache=True)
def match_ipv4(data, begin, end, i):
    """Match at the digit i."""
    none = np.int64(-1)
    p = octets(data, begin, end, i)
    if p < 0 or not opens_word(data, begin, i):
        return none
    before, after = at(data, begin, end, i - 1), at(data, begin, end, p)
    if before == DOT or (before == DASH and is_a(at(data, begin, end, i - 2), LETTER)):
        return none
    if is_a(after, WORD) or after == UNDERSCORE:
        return none
    if after == DOT and is_a(at(data, begin, end, p + 1), DIGIT):
        return none
    if after in (DASH, 0x2B) and is_a(at(data, begin, end, p + 1), LETTER):
        return none
    return none if names_version(data, begin, end, i) else p


@njit(nogil=True, cache=True)
def match_ipv6(data, begin, end, i):
    """Match at the hexadecimal digit or colon i."""
    none = np.int64(-1)
    before = at(data, begin, end, i - 1)
    if (is_a(before, WORD) or before in (COLON, UNDERSCORE, DOT)) and not escaped(data, begin, i):
        return none
    groups = 0
    gap = False
    digit = False
    p = i
    if at(data, begin, end, i) == COLON:
        if at(data, begin, end, i + 1) != COLON:
            return none
        gap = True
        p = i + 2
    while p < end and p - i < LONGEST_V6 and is_a(at(data, begin, end, p), HEX):
        size = 0
        first = p
        while size < 5 and is_a(at(data, begin, end, p), HEX):
            if is_a(at(data, begin, end, p), DIGIT):
                digit = True
            size += 1
            p += 1
        if size > 4:
            return none
        groups += 1
        if at(data, begin, end, p) == DOT:
            tail = octets(data, begin, end, first)
            if tail >= 0:
                groups += 1
                p = tail
            break
        if at(data, begin, end, p) != COLON:
            break
        if at(data, begin, end, p + 1) == COLON:
            if gap:
                return none
            gap = True
            p += 2
            if not is_a(at(data, begin, end, p), HEX):
                break
        elif is_a(at(data, begin, end, p + 1), HEX):
            p += 1
        else:
            break
    after = at(data, begin, end, p)
    if is_a(after, WORD) or after == UNDERSCORE or (after == COLON and at(data, begin, end, p + 1) == COLON):
        return none
    if gap:
        # a::b may be a name of a program; an address has a digit, and more to it than ::1
        return p if groups <= 7 and digit and p - i >= 4 else none
    return p if groups == 8 else none
