"""International bank account numbers: the country's length and the check by 97 (ISO 13616)."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import DIGIT, LETTER, WORD, at, is_a, lower, opens_word, separator_at

_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)


def _by_country() -> np.ndarray:
    table = np.zeros(26 * 26, np.int64)
    for entry in _LENGTHS.split():
        table[(ord(entry[0]) - 65) * 26 + ord(entry[1]) - 65] = int(entry[2:])
    return table


LENGTH = _by_country()


@njit(nogil=True, cache=True)
def add(remainder, byte):
    """The remainder by 97 with one more character: a digit is itself, a letter 10 to 35."""
    if is_a(byte, DIGIT):
        return (remainder * 10 + byte - 0x30) % 97
    return (remainder * 100 + lower(byte) - 0x61 + 10) % 97


@njit(nogil=True, cache=True)
def match_iban(data, begin, end, i):
    """Match at the letter i."""
    none = np.int64(-1)
    first, second = at(data, begin, end, i), at(data, begin, end, i + 1)
    if not (is_a(first, LETTER) and is_a(second, LETTER) and is_a(at(data, begin, end, i + 2), DIGIT)):
        return none
    if not is_a(at(data, begin, end, i + 3), DIGIT) or not opens_word(data, begin, i):
        return none
    length = LENGTH[(lower(first) - 0x61) * 26 + lower(second) - 0x61]
    if length == 0:
        return none
    remainder = np.int64(0)
    separator = np.int64(0)
    p = i + 4
    for count in range(4, length):
        byte = at(data, begin, end, p)
        if count % 4 == 0:
            parted, width = separator_at(data, begin, end, p)
            if parted and (separator == parted or count == 4):
                separator = parted
                p += width
                byte = at(data, begin, end, p)
        if not is_a(byte, WORD):
            return none
        remainder = add(remainder, byte)
        p += 1
    if is_a(at(data, begin, end, p), WORD):
        return none
    for k in range(4):
        remainder = add(remainder, at(data, begin, end, i + k))
    check = (at(data, begin, end, i + 2) - 0x30) * 10 + at(data, begin, end, i + 3) - 0x30
    return p if remainder == 1 and 2 <= check <= 98 else none
