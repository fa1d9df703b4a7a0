"""User and password in front of a URL's host: scheme://user:password@host (RFC 3986, section 3.2.1)."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import AT, COLON, HIGH, LETTER, SLASH, at, is_a

LONGEST = 1024


@njit(nogil=True, cache=True)
def match_url_credentials(data, begin, end, i):
    """Match at the colon of :// at i -> (start, end) of what stands before the @, (-1, -1) for none."""
    none = (np.int64(-1), np.int64(-1))
    if at(data, begin, end, i + 1) != SLASH or at(data, begin, end, i + 2) != SLASH:
        return none
    if not is_a(at(data, begin, end, i - 1), LETTER | HIGH) and at(data, begin, end, i) != COLON:
        return none
    start = i + 3
    last = np.int64(-1)
    p = start
    while p < end and p - start < LONGEST:
        byte = at(data, begin, end, p)
        if byte == AT:
            last = p
        elif byte <= 0x20 or byte in (SLASH, 0x3F, 0x23, 0x22, 0x3C, 0x3E, 0x5C):  # ? # " < > \
            break
        p += 1
    return (start, last) if last > start else none
