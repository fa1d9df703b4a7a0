"""US social security numbers, written AAA-GG-SSSS; areas, groups and serials that are never issued are none."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import DIGIT, ZERO, at, closes_number, is_a, opens_number, separator_at

DIGITS = 9


@njit(nogil=True, cache=True)
def match_ssn(data, begin, end, i, lenient):
    """Match at the digit i. `lenient`: numbers that are never issued, too."""
    none = np.int64(-1)
    separator, width = separator_at(data, begin, end, i + 3)
    if separator == 0:
        return none
    number = np.int64(0)
    p = i
    for k in range(DIGITS):
        if k in (3, 5):
            parted, width = separator_at(data, begin, end, p)
            if parted != separator:
                return none
            p += width
        byte = at(data, begin, end, p)
        if not is_a(byte, DIGIT):
            return none
        number = number * 10 + byte - ZERO
        p += 1
    if not opens_number(data, begin, i) or not closes_number(data, end, p):
        return none
    before = at(data, begin, end, i - 1)
    if before == 0x2B or (before == separator and is_a(at(data, begin, end, i - 2), DIGIT)):
        return none
    if at(data, begin, end, p) == separator and is_a(at(data, begin, end, p + 1), DIGIT):
        return none
    area, group, serial = number // 1_000_000, number // 10_000 % 100, number % 10_000
    issued = area not in (0, 666) and area < 900 and group != 0 and serial != 0
    return p if lenient or issued else none
