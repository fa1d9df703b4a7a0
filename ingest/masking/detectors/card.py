"""Payment card numbers: the networks' ranges and lengths (ISO/IEC 7812), and Luhn's check digit."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import (
    DASH,
    DIGIT,
    DOT,
    PLUS,
    SPACE,
    ZERO,
    at,
    closes_number,
    is_a,
    opens_number,
    separator_at,
)

LONGEST = 19
SHORTEST = 13
DOUBLED = np.array([0, 2, 4, 6, 8, 1, 3, 5, 7, 9], np.int64)


@njit(nogil=True, cache=True)
def of_network(head, digits):
    """Whether a number with these first six digits and this many in all is of a known network."""
    two, three, four = head // 10_000, head // 1000, head // 100
    if head // 100_000 == 4:
        return digits in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720 or 2200 <= four <= 2204:
        return digits == 16
    if two in (34, 37):
        return digits == 15
    if two in (36, 38, 39) or 300 <= three <= 305 or four == 3095:
        return digits == 14
    if 3528 <= four <= 3589:
        return digits >= 16
    if four == 6011 or 644 <= three <= 649 or two in (60, 62, 65, 81, 82) or three == 508:
        return digits >= 16
    return four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763)


@njit(nogil=True, cache=True)
def in_groups(shape):
    """Whether digits are grouped as on cards; `shape` has the sizes of the groups as its digits, 0: no groups."""
    return shape in (0, 4444, 465, 464, 44443, 4443, 4441)


@njit(nogil=True, cache=True)
def match_card(data, begin, end, i, lenient):
    """Match at the digit i. `lenient`: the check digit may be wrong."""
    if not opens_number(data, begin, i) or at(data, begin, end, i) == ZERO:
        return np.int64(-1)
    best = np.int64(-1)
    separator = np.int64(0)
    shape = np.int64(0)
    group = 0
    digits = 0
    head = np.int64(0)
    total, other = np.int64(0), np.int64(0)
    p = i
    while p < end:
        byte = at(data, begin, end, p)
        if is_a(byte, DIGIT):
            if digits == LONGEST:
                return best
            digit = byte - ZERO
            total, other = other + digit, total + DOUBLED[digit]
            if digits < 6:
                head = head * 10 + digit
            digits += 1
            group += 1
            p += 1
        if p < end and is_a(at(data, begin, end, p), DIGIT):
            continue
        # A group ends here: is it a card so far?
        whole = shape * 10 + group if separator else 0
        if (
            digits >= SHORTEST
            and in_groups(whole)
            and of_network(head, digits)
            and (lenient or total % 10 == 0)
            and closes_number(data, end, p)
            and not (separator == DASH and at(data, begin, end, p) == DASH)
        ):
            best = p
        if group > 6 or digits >= LONGEST:
            return best
        byte, width = separator_at(data, begin, end, p)
        if at(data, begin, end, p) == PLUS:  # a space in a query string
            byte, width = np.int64(SPACE), 1
        if at(data, begin, end, p) == DOT:
            byte, width = np.int64(DOT), 1
        if byte not in (SPACE, DASH, DOT) or (separator and byte != separator):
            return best
        if not is_a(at(data, begin, end, p + width), DIGIT):
            return best
        if separator == 0 and byte == DASH and at(data, begin, end, i - 1) == DASH:
            return best
        separator = byte
        shape = shape * 10 + group
        group = 0
        p += width
    return best


@njit(nogil=True, cache=True)
def is_card(number, lenient):
    """Whether an integer is a card number."""
    if number < 10 ** (SHORTEST - 1):
        return False
    digits = 0
    head = number
    total = np.int64(0)
    rest = number
    while rest > 0:
        digit = rest % 10
        total += DOUBLED[digit] if digits % 2 else digit
        rest //= 10
        digits += 1
        if rest >= 100_000:
            head = rest
    while head >= 1_000_000:
        head //= 10
    return digits <= LONGEST and of_network(head, digits) and (lenient or total % 10 == 0)
