"""Credentials that show what they are: tokens with known prefixes, JWT, bearer and basic credentials, private keys.

Prefixes and lengths as the issuers document them, or as GitHub's and GitLab's secret scanning lists them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import (
    BASE64,
    COLON,
    DASH,
    DIGIT,
    DOT,
    EQUALS,
    HEX,
    SPACE,
    TOKEN,
    UNDERSCORE,
    UPPER,
    WORD,
    at,
    begins_with,
    is_a,
    lower,
    word,
)
from schema.loads import get8

_WORDS, _NAMES, _CAPITALS, _HEXES, _ANY = WORD, WORD | BASE64, UPPER | DIGIT, HEX, TOKEN
PREFIXES = (
    # prefix, characters that follow, how many at least, at most (0: any number)
    (b"AKIA", _CAPITALS, 16, 16),
    (b"ASIA", _CAPITALS, 16, 16),
    (b"ABIA", _CAPITALS, 16, 16),
    (b"ACCA", _CAPITALS, 16, 16),
    (b"AIza", _NAMES, 35, 35),
    (b"ya29.", _NAMES, 20, 0),
    (b"GOCSPX-", _NAMES, 28, 28),
    (b"ghp_", _WORDS, 36, 0),
    (b"gho_", _WORDS, 36, 0),
    (b"ghu_", _WORDS, 36, 0),
    (b"ghs_", _NAMES, 36, 0),
    (b"ghr_", _WORDS, 36, 0),
    (b"github_pat_", _NAMES, 40, 0),
    (b"glpat-", _ANY, 20, 0),
    (b"gldt-", _NAMES, 20, 0),
    (b"glrt-", _ANY, 20, 0),
    (b"glcbt-", _NAMES, 20, 0),
    (b"glptt-", _NAMES, 20, 0),
    (b"glft-", _NAMES, 20, 0),
    (b"glsoat-", _NAMES, 20, 0),
    (b"gloas-", _NAMES, 20, 0),
    (b"glagent-", _NAMES, 20, 0),
    (b"xoxb-", _NAMES, 10, 0),
    (b"xoxp-", _NAMES, 10, 0),
    (b"xoxa-", _NAMES, 10, 0),
    (b"xoxr-", _NAMES, 10, 0),
    (b"xoxs-", _NAMES, 10, 0),
    (b"xoxe-", _NAMES, 10, 0),
    (b"xoxe.", _ANY, 10, 0),
    (b"xapp-", _NAMES, 10, 0),
    (b"hooks.slack.com/services/", _NAMES, 20, 0),
    (b"sk_live_", _WORDS, 16, 0),
    (b"sk_test_", _WORDS, 16, 0),
    (b"rk_live_", _WORDS, 16, 0),
    (b"rk_test_", _WORDS, 16, 0),
    (b"whsec_", _ANY, 24, 0),
    (b"sk-", _NAMES, 32, 0),
    (b"npm_", _WORDS, 36, 36),
    (b"pypi-", _NAMES, 50, 0),
    (b"SG.", _ANY, 60, 0),
    (b"shpat_", _HEXES, 32, 32),
    (b"shpss_", _HEXES, 32, 32),
    (b"dop_v1_", _HEXES, 64, 64),
    (b"hf_", _WORDS, 30, 0),
    (b"hvs.", _NAMES, 24, 0),
    (b"dapi", _HEXES, 32, 32),
    (b"AccountKey=", _ANY, 40, 0),
    (b"SharedAccessKey=", _ANY, 40, 0),
    (b"sig=", _ANY | 256, 40, 0),
)
"""The bit 256 stands for the percent sign as well: what follows may be encoded for a URL."""
PERCENT_TOO = 256

_ARENA = word(b"".join(entry[0] for entry in PREFIXES))
_ENDS = np.cumsum(np.array([len(entry[0]) for entry in PREFIXES], np.int64))
_BITS = np.array([entry[1] for entry in PREFIXES], np.int64)
_LEAST = np.array([entry[2] for entry in PREFIXES], np.int64)
_MOST = np.array([entry[3] for entry in PREFIXES], np.int64)
_OPENS = np.zeros(256, np.bool_)
for _entry in PREFIXES:
    _OPENS[_entry[0][0]] = True
_KEEPS = np.array([len(entry[0]) if entry[0].endswith(b"=") else 0 for entry in PREFIXES], np.int64)
"""Bytes of the prefix that are a name, no part of the secret."""

JWT = word(b"eyJ")
BEARER, BASIC = word(b"bearer"), word(b"basic")
DASHES, BEGIN, END, PRIVATE = word(b"-----"), word(b"-----BEGIN "), word(b"-----END "), word(b"PRIVATE KEY")
LEAST_SEGMENT = 10
TAB = 0x09


@njit(nogil=True, cache=True)
def match_access_key(data, begin, end, i):
    """Match a token with a known prefix at i, where a word begins -> (start, end), (-1, -1) for none."""
    none = (np.int64(-1), np.int64(-1))
    if not _OPENS[at(data, begin, end, i)]:
        return none
    first = 0
    for k in range(len(_ENDS)):
        size = _ENDS[k] - first
        here = i + size <= end
        j = 0
        while here and j < size:
            here = at(data, begin, end, i + j) == _ARENA[first + j]
            j += 1
        first = _ENDS[k]
        if not here:
            continue
        p = past(data, i + size, min(end, i + size + _LEAST[k]), _BITS[k])
        if p - i - size < _LEAST[k]:
            continue
        if size == 3 and at(data, begin, end, i) == 0x73 and not has_digit(data, i, p):
            continue  # sk-... that is words only
        if _MOST[k]:
            if is_a(at(data, begin, end, p), WORD):
                continue
            return i + _KEEPS[k], p
        p = past(data, p, end, _BITS[k])
        while at(data, begin, end, p - 1) == DOT:
            p -= 1
        return i + _KEEPS[k], p
    return none


@njit(nogil=True, cache=True)
def past(data, p, end, bits):
    """Past the bytes of these classes."""
    while p < end:
        byte = get8(data, p)
        if not is_a(byte, bits & 0xFF) and not (bits & PERCENT_TOO and byte == 0x25):
            break
        p += 1
    return p


@njit(nogil=True, cache=True)
def has_digit(data, i, end):
    """Whether a digit stands in the range."""
    for p in range(i, end):
        if is_a(at(data, i, end, p), DIGIT):
            return True
    return False


@njit(nogil=True, cache=True)
def match_jwt(data, begin, end, i):
    """Match at eyJ: three or five segments of base64url with dots between (RFC 7519, 7516)."""
    if not begins_with(data, end, i, JWT) or at(data, begin, end, i - 1) in (DASH, UNDERSCORE):
        return np.int64(-1)
    p = i
    best = np.int64(-1)
    for segment in range(5):
        first = p
        while p < end and at(data, begin, end, p) not in (0x2B, 0x2F) and is_a(at(data, begin, end, p), BASE64):
            p += 1
        if segment < 2 and p - first < LEAST_SEGMENT:
            return best
        if segment == 2 or segment == 4:
            best = p
        if at(data, begin, end, p) != DOT:
            return best
        p += 1
    return best


@njit(nogil=True, cache=True)
def match_azure_secret(data, begin, end, i):
    """Match around the Q~ at i: a client secret of Entra ID, 3 + digit + Q~ + 31 to 34 -> (start, end)."""
    none = (np.int64(-1), np.int64(-1))
    start = i - 4
    if start < begin or not is_a(at(data, begin, end, i - 1), DIGIT):
        return none
    p = i + 2
    while (
        p < end
        and p - i < 40
        and (is_a(at(data, begin, end, p), WORD) or at(data, begin, end, p) in (DASH, UNDERSCORE, DOT, 0x7E))
    ):
        p += 1
    return (start, p) if 31 <= p - i - 2 <= 37 else none


@njit(nogil=True, cache=True)
def same_word(data, begin, end, i, text):
    """Whether `text` stands at i in any case."""
    if end - i < len(text):
        return False
    for k in range(len(text)):
        if lower(at(data, begin, end, i + k)) != text[k]:
            return False
    return True


@njit(nogil=True, cache=True)
def match_authorization(data, begin, end, i):
    """Match Bearer or Basic at i, a word's beginning -> (start, end) of the credentials, (-1, -1) for none."""
    none = (np.int64(-1), np.int64(-1))
    basic = same_word(data, begin, end, i, BASIC)
    if not basic and not same_word(data, begin, end, i, BEARER):
        return none
    p = i + (5 if basic else 6)
    gaps = 0
    while gaps < 3 and at(data, begin, end, p) in (SPACE, COLON, TAB):
        p += 1
        gaps += 1
    if at(data, begin, end, p) == 0x25 and at(data, begin, end, p + 1) == 0x32 and at(data, begin, end, p + 2) == 0x30:
        p += 3
        gaps += 1
    if gaps == 0:
        return none
    start = p
    digit, capital = False, False
    while p < end and is_a(at(data, begin, end, p), TOKEN):
        byte = at(data, begin, end, p)
        if is_a(byte, DIGIT) or byte in (EQUALS, UNDERSCORE, 0x2F, 0x2B):
            digit = True
        if is_a(byte, UPPER) and p > start:
            capital = True
        p += 1
    while p > start and at(data, begin, end, p - 1) == DOT:
        p -= 1
    size = p - start
    if basic:
        # base64 of user:password: at least eight characters, not a word of English
        return (start, p) if size >= 8 and (digit or capital) else none
    return (start, p) if size >= 8 and (digit or (size >= 20 and capital)) else none


@njit(nogil=True, cache=True)
def match_private_key(data, begin, end, i):
    """Match at -----BEGIN ... PRIVATE KEY-----, to the end of its END line, or of the text where that is missing."""
    if not begins_with(data, end, i, BEGIN):
        return np.int64(-1)
    p = i + len(BEGIN)
    limit = min(end, p + 40)
    while p < limit and not begins_with(data, end, p, PRIVATE):
        p += 1
    if p >= limit:
        return np.int64(-1)
    while p < end:
        if at(data, begin, end, p) == DASH and begins_with(data, end, p, END):
            p += len(END)
            while p < end and not begins_with(data, end, p, DASHES):
                p += 1
            return min(end, p + len(DASHES))
        p += 1
    return end
