"""E-mail addresses: the dot-atom form of RFC 5322 with the characters that mailboxes have, non-ASCII ones included."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import (
    APOSTROPHE,
    AT,
    COLON,
    DASH,
    DIGIT,
    DOT,
    HIGH,
    LETTER,
    LOCAL,
    PERCENT,
    WORD,
    at,
    begins_with,
    is_a,
    word,
)
from schema.loads import get8

LONGEST_LOCAL = 128
LONGEST_DOMAIN = 255
PUNYCODE = word(b"xn--")
GIT = word(b"git")


@njit(nogil=True, cache=True)
def holds_domain(data, p, end):
    """Whether what begins with a letter has a dot with two letters after it."""
    if not is_a(get8(data, p), LETTER | HIGH):
        return False
    for k in range(p + 1, end - 2):
        if get8(data, k) == DOT and is_a(get8(data, k + 1), LETTER) and is_a(get8(data, k + 2), LETTER):
            return True
    return False


@njit(nogil=True, cache=True)
def match_email(data, begin, end, i):
    """Match around the @ (or its %40) at i -> (start, end), (-1, -1) for none."""
    none = (np.int64(-1), np.int64(-1))
    start = i
    while start > begin and i - start < LONGEST_LOCAL:
        byte = at(data, begin, end, start - 1)
        if not is_a(byte, LOCAL) and not (byte == APOSTROPHE and is_a(at(data, begin, end, start - 2), LETTER)):
            break
        start -= 1
    while start < i and at(data, begin, end, start) in (DOT, DASH, PERCENT):
        # %3D or %22 of a URL is no part of the mailbox
        start += 3 if at(data, begin, end, start) == PERCENT else 1
    if start >= i:
        return none
    first = i + (1 if at(data, begin, end, i) == AT else 3)
    p = first
    dot = np.int64(-1)
    while p < end and p - first < LONGEST_DOMAIN:
        byte = at(data, begin, end, p)
        if byte == DOT:
            if p == first or not is_a(at(data, begin, end, p + 1), WORD | HIGH):
                break
            dot = p
        elif not is_a(byte, WORD | HIGH) and (byte != DASH or p == first):
            break
        p += 1
    while p > first and at(data, begin, end, p - 1) == DASH:
        p -= 1
    if dot < 0 or p - dot < 3:
        return none
    top = dot + 1
    if not begins_with(data, end, top, PUNYCODE):
        for k in range(top, p):
            if not is_a(at(data, begin, end, k), LETTER | HIGH):
                # name@1.2.3 is a version, jane@example.com-2026 an address with something glued to it
                if not holds_domain(data, first, p):
                    return none
                break
    if is_a(at(data, begin, end, first), DIGIT) and at(data, begin, end, first + 1) == 0x78 and dot == first + 2:
        return none  # an image for dense screens: logo@2x.png
    if i - start == 3 and begins_with(data, end, start, GIT) and at(data, begin, end, p) == COLON:
        return none  # where a repository is: git@host:path
    return start, p
