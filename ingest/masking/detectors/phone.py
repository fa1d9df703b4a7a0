"""Telephone numbers: E.164 with a calling code, and the national forms of US, GB, DE, FR and IN.

A national number without separators looks like any other number, so it counts only where the text before it, or the
attribute's key (`hinted`), speaks of a telephone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import (
    CLOSE,
    DASH,
    DIGIT,
    DOT,
    OPEN,
    PERCENT,
    PLUS,
    SLASH,
    SPACE,
    UNDERSCORE,
    ZERO,
    at,
    closes_number,
    ends_with,
    is_a,
    lower,
    opens_number,
    word,
)

LOOK_BACK = 24
_CODES = (
    "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 "
    "86 90 91 92 93 94 95 98"
)
"""Calling codes of one and two digits (ITU-T E.164); those of three begin with the pairs below."""
_LONG = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99"


def _codes() -> np.ndarray:
    table = np.zeros(100, np.uint8)
    for code in _CODES.split():
        if len(code) == 1:
            table[int(code) * 10 : int(code) * 10 + 10] = 1
        else:
            table[int(code)] = 2
    for pair in _LONG.split():
        table[int(pair)] = 3
    return table


CODE = _codes()
PHONE, TEL, MOBILE, CELL, CALL, FAX, SMS, WHATSAPP, MOBIL, CONTACT = (
    word(text)
    for text in (b"phone", b"tel", b"mobile", b"cell", b"call", b"fax", b"sms", b"whatsapp", b"handy", b"contact")
)


@njit(nogil=True, cache=True)
def speaks_of_phones(data, begin, i):
    """Whether a word for a telephone ends within the bytes before i."""
    first = max(begin, i - LOOK_BACK)
    for p in range(first + 3, i + 1):
        last = lower(at(data, begin, i, p - 1))
        if last in (0x65, 0x6C, 0x78, 0x73, 0x70, 0x79, 0x74) and (  # e l x s p y t
            ends_with(data, first, p, PHONE)
            or ends_with(data, first, p, TEL)
            or ends_with(data, first, p, MOBILE)
            or ends_with(data, first, p, CELL)
            or ends_with(data, first, p, CALL)
            or ends_with(data, first, p, FAX)
            or ends_with(data, first, p, SMS)
            or ends_with(data, first, p, WHATSAPP)
            or ends_with(data, first, p, MOBIL)
            or ends_with(data, first, p, CONTACT)
        ):
            return True
    return False


@njit(nogil=True, cache=True)
def gap(data, begin, end, p):
    """Past what may stand between groups of digits at p -> next, p if there is nothing that may."""
    byte = at(data, begin, end, p)
    if byte == PERCENT and at(data, begin, end, p + 1) == 0x32 and at(data, begin, end, p + 2) == ZERO:
        return p + 3
    if byte not in (SPACE, DASH, DOT, SLASH, OPEN, CLOSE):
        return p
    p += 1
    byte = at(data, begin, end, p)
    if byte in (SPACE, OPEN, DASH, CLOSE):  # ") ", " (", ")-"
        p += 1
    return p


@njit(nogil=True, cache=True)
def match_international(data, begin, end, i):
    """Match at the plus sign (or its %2B) at i."""
    none = np.int64(-1)
    p = i + (1 if at(data, begin, end, i) == PLUS else 3)
    first, second = at(data, begin, end, p), at(data, begin, end, p + 1)
    if not is_a(first, DIGIT) or first == ZERO or is_a(at(data, begin, end, i - 1), DIGIT):
        return none
    pair = (first - ZERO) * 10
    if is_a(second, DIGIT):
        pair += second - ZERO
    kind = CODE[pair]
    if kind == 0:
        return none
    least, most = 8, 15
    if (kind == 1 and pair // 10 == 1) or kind == 1 or pair == 33:
        least, most = 11, 11
    elif pair in (44, 91):
        least, most = 11, 12
    elif pair == 49:
        least, most = 9, 14
    digits = 0
    best = none
    while p < end:
        while p < end and is_a(at(data, begin, end, p), DIGIT):
            digits += 1
            p += 1
        zero = p + 1 if at(data, begin, end, p) == SPACE else p
        if at(data, begin, end, zero) == OPEN and at(data, begin, end, zero + 1) == ZERO:
            if at(data, begin, end, zero + 2) == CLOSE:
                p = zero + 3  # the (0) that is left out from abroad
                p += at(data, begin, end, p) == SPACE
                continue
        if digits > most:
            break
        if digits >= least and closes_number(data, end, p):
            best = p
        after = gap(data, begin, end, p)
        if after == p or not is_a(at(data, begin, end, after), DIGIT):
            break
        p = after
    return best


@njit(nogil=True, cache=True)
def north_american(number):
    """Whether ten digits are an area code, an exchange and a line of the North American plan."""
    area, exchange = number // 10_000_000, number // 10_000 % 1000
    return area >= 200 and exchange >= 200 and area % 100 != 11 and exchange % 100 != 11


@njit(nogil=True, cache=True)
def is_national(number, digits, shape, zero):
    """Whether digits in groups (`shape`, their sizes as its digits; `zero`: they begin with 0) are a number.

    `number` is without its leading zero.
    """
    if not zero:
        if shape in (334, 37) and digits == 10:
            return north_american(number)
        if shape == 1334 and number // 10_000_000_000 == 1:
            return north_american(number % 10_000_000_000)
        return shape == 55 and number >= 6_000_000_000
    second = number // 10 ** (digits - 2)
    if shape in (22222, 12222) and digits == 10:
        return second != 0  # FR
    if digits == 11 and shape in (56, 533, 434, 344, 47, 38, 416, 4322, 3332):
        return second in (1, 2, 3, 5, 7, 8) or (second in (4, 6, 9) and shape in (56, 47, 38))  # GB, DE
    if digits == 10 and shape in (55, 433, 46):
        return second != 0  # GB, DE, IN
    if not 8 <= digits <= 13:
        return False
    # DE: an area code of three to five digits, then the subscriber in one to four groups.
    head = shape
    groups = 1
    while head >= 10:
        head //= 10
        groups += 1
    if not 3 <= head <= 5 or not 2 <= groups <= 5:
        return False
    prefix = number // 10 ** (digits - 3)
    return second >= 2 or 15 <= prefix <= 17


@njit(nogil=True, cache=True)
def match_national(data, begin, end, i, hinted):
    """Match at the digit or opening bracket i."""
    none = np.int64(-1)
    if not opens_number(data, begin, i):
        return none
    before = at(data, begin, end, i - 1)
    if before in (PLUS, DASH, UNDERSCORE) or (before == DOT and is_a(at(data, begin, end, i - 2), DIGIT)):
        return none
    if before == SLASH and is_a(at(data, begin, end, i - 2), DIGIT):
        return none
    p = i
    bracket = at(data, begin, end, i) == OPEN
    if bracket:
        p += 1
    zero = at(data, begin, end, p) == ZERO
    number = np.int64(0)
    digits = 0
    shape = np.int64(0)
    groups = 0
    best = none
    separator = np.int64(0)
    while p < end and groups < 6:
        size = 0
        while p < end and is_a(at(data, begin, end, p), DIGIT) and digits <= 13:
            number = number * 10 + at(data, begin, end, p) - ZERO
            digits += 1
            size += 1
            p += 1
        if digits > 13 or size > 9:
            if groups or not (10 <= digits <= 11):
                break
        groups += 1
        if size > 9:
            shape = np.int64(0)
        else:
            shape = shape * 10 + size
        if bracket and groups == 1 and (at(data, begin, end, p) != CLOSE or not 3 <= size <= 6):
            return none
        if groups > 1 and closes_number(data, end, p) and is_national(number, digits, shape, zero):
            after = at(data, begin, end, p)
            if after not in (DASH, SLASH) or not is_a(at(data, begin, end, p + 1), DIGIT):
                best = p
        after = gap(data, begin, end, p)
        if after == p or not is_a(at(data, begin, end, after), DIGIT):
            break
        used = at(data, begin, end, p)
        if separator and used != separator and groups > 2 and not bracket:
            break
        if groups > 1:
            separator = used
        p = after
    if best >= 0 or groups != 1 or bracket:
        return best
    if not 10 <= digits <= 11 or not closes_number(data, end, p):
        return none
    plausible = (
        (digits == 10 and (zero or number >= 6_000_000_000 or north_american(number)))
        or (digits == 11 and zero)
        or (digits == 11 and number // 10_000_000_000 == 1 and north_american(number % 10_000_000_000))
    )
    return p if plausible and (hinted or speaks_of_phones(data, begin, i)) else none
