"""Names of secrets: an attribute's key, or what stands before = or : in a text."""

from __future__ import annotations

import numpy as np
from numba import njit

from ingest.masking.detectors.chars import (
    APOSTROPHE,
    BACKSLASH,
    COLON,
    DASH,
    DIGIT,
    DOT,
    EQUALS,
    PERCENT,
    QUOTE,
    SPACE,
    TOKEN,
    UNDERSCORE,
    UPPER,
    WORD,
    at,
    ends_with,
    is_a,
    lower,
    word,
)
from ingest.masking.prefilter import NAME_ENDS
from schema.loads import get8, put8

_SECRETS = [
    "password",
    "passwd",
    "passphrase",
    "_pwd_",
    "db_pass_",
    "user_pass_",
    "secret",
    "_token_",
    "accesstoken",
    "authtoken",
    "_authorization_",
    "apikey",
    "api_key",
    "access_key",
    "accesskey",
    "private_key",
    "privatekey",
    "signing_key",
    "encryption_key",
    "credential",
    "_cookie_",
    "_cookies_",
    "_ssn_",
    "social_security",
    "card_number",
    "cardnumber",
    "creditcard",
    "_cc_number_",
    "_cvv_",
    "_cvc_",
    "_iban_",
    "_jwt_",
    "_bearer_",
]
"""Parts of a name whose words are in small letters with underscores around them."""
_HARMLESS = [
    "name",
    "count",
    "type",
    "total",
    "length",
    "size",
    "limit",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "enabled",
    "usage",
    "policy",
    "version",
    "at",
    "used",
    "remaining",
    "budget",
    "url",
    "uri",
    "endpoint",
    "status",
    "error",
    "bytes",
    "ms",
    "seconds",
    "ns",
    "kind",
    "format",
]
"""A last word that says that the value is about the secret."""
_PHONES = ["_phone", "phone_", "_mobile_", "_tel_", "_telephone", "_fax_", "_msisdn_", "_cell_"]


def _joined(words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return word("".join(words).encode()), np.cumsum(np.array([len(text) for text in words], np.int64))


_SECRET_BYTES, _SECRET_ENDS = _joined(_SECRETS)
_HARMLESS_BYTES, _HARMLESS_ENDS = _joined([f"_{text}_" for text in _HARMLESS])
_PHONE_BYTES, _PHONE_ENDS = _joined(_PHONES)
LONGEST = 256
"""Bytes of a name that are looked at, its last ones."""

AUTHORIZATION, COOKIE = word(b"authorization"), word(b"cookie")
_NULL, _TRUE, _FALSE, _NONE = word(b"null"), word(b"true"), word(b"false"), word(b"none")


@njit(nogil=True, cache=True)
def normalise(data, begin, end, out):
    """Write the words of the name, in small letters with _ around each, to the address `out` -> bytes."""
    begin = max(begin, end - LONGEST)
    n = 0
    put8(out, n, UNDERSCORE)
    n += 1
    small = False
    for p in range(begin, end):
        byte = get8(data, p)
        if not is_a(byte, WORD):
            if get8(out, n - 1) != UNDERSCORE:
                put8(out, n, UNDERSCORE)
                n += 1
            small = False
            continue
        capital = is_a(byte, UPPER)
        if capital and small:
            put8(out, n, UNDERSCORE)
            n += 1
        put8(out, n, lower(byte))
        n += 1
        small = not capital
    if get8(out, n - 1) != UNDERSCORE:
        put8(out, n, UNDERSCORE)
        n += 1
    return n


@njit(nogil=True, cache=True)
def stands_at(text, p, size, parts, first, last):
    """Whether parts[first:last] stands at p of the text."""
    if p < 0 or p + last - first > size:
        return False
    for k in range(last - first):
        if get8(text, p + k) != parts[first + k]:
            return False
    return True


@njit(nogil=True, cache=True)
def holds_any(text, size, parts, ends):
    """Whether one of the parts stands anywhere in the text."""
    for p in range(size):
        first = 0
        for k in range(len(ends)):
            if get8(text, p) == parts[first] and stands_at(text, p, size, parts, first, ends[k]):
                return True
            first = ends[k]
    return False


@njit(nogil=True, cache=True)
def names_secret(text, size):
    """Whether a normalised name is that of a secret."""
    if not holds_any(text, size, _SECRET_BYTES, _SECRET_ENDS):
        return False
    first = 0
    for k in range(len(_HARMLESS_ENDS)):
        last = _HARMLESS_ENDS[k]
        if stands_at(text, size - (last - first), size, _HARMLESS_BYTES, first, last):
            return False
        first = last
    return True


@njit(nogil=True, cache=True)
def names_phone(text, size):
    """Whether a normalised name is that of a telephone number."""
    return holds_any(text, size, _PHONE_BYTES, _PHONE_ENDS)


@njit(nogil=True, cache=True)
def is_blank(data, begin, end, p, size, text):
    """Whether the `size` bytes at p are this word, in any case."""
    if size != len(text):
        return False
    for k in range(size):
        if lower(at(data, begin, end, p + k)) != text[k]:
            return False
    return True


@njit(nogil=True, cache=True)
def past_quoted(data, p, end, quote, escaped):
    """Where the quoted text that begins at p ends. `escaped`: it stands in another, its quotes behind a backslash."""
    while p < end:
        byte = get8(data, p)
        if byte == BACKSLASH:
            if escaped and p + 1 < end and get8(data, p + 1) == quote:
                return p
            # Of what is escaped twice, the second backslash hides the third, which hides the quote.
            p += 4 if escaped and p + 3 < end and get8(data, p + 1) == BACKSLASH else 2
        elif byte == quote and not escaped:
            return p
        else:
            p += 1
    return end


@njit(nogil=True, cache=True)
def past_token(data, p, end):
    """Past what stands for credentials in a header."""
    while p < end and is_a(get8(data, p), TOKEN):
        p += 1
    return p


@njit(nogil=True, cache=True)
def match_assignment(data, begin, end, i, scratch):
    """Match around the = or : at i: secret=value, "secret": "value" -> (start, end) of the value, (-1, -1) for none.

    `scratch`: address of room for a normalised name.
    """
    none = (np.int64(-1), np.int64(-1))
    last = i
    quoted_name = False
    while last > begin and at(data, begin, end, last - 1) in (QUOTE, APOSTROPHE, SPACE, BACKSLASH):
        quoted_name = quoted_name or at(data, begin, end, last - 1) != SPACE
        last -= 1
        if i - last > 3:
            return none
    first = last
    while first > begin and last - first < 64:
        byte = at(data, begin, end, first - 1)
        if not is_a(byte, WORD) and byte not in (UNDERSCORE, DASH, DOT):
            break
        first -= 1
    if last - first < 3:
        return none
    if not NAME_ENDS[lower(get8(data, last - 2)) | lower(get8(data, last - 1)) << 8]:
        return none
    if not names_secret(scratch, normalise(data, first, last, scratch)):
        return none
    p = i + 1
    while p < end and p - i < 4 and at(data, begin, end, p) in (SPACE, EQUALS, 0x3E):
        p += 1
    if at(data, begin, end, p) == BACKSLASH and at(data, begin, end, p + 1) == QUOTE:
        p += 1
    quote = at(data, begin, end, p)
    start = p
    digit = False
    if quote in (QUOTE, APOSTROPHE):
        start = p + 1
        p = past_quoted(data, start, end, quote, at(data, begin, end, start - 2) == BACKSLASH)
    else:
        while p < end:
            byte = at(data, begin, end, p)
            if byte == COLON and (p + 1 >= end or at(data, begin, end, p + 1) <= SPACE):
                break
            if byte <= SPACE or byte in (QUOTE, APOSTROPHE, 0x26, 0x2C, 0x3B, 0x29, 0x5D, 0x7D, 0x3C, 0x3E):
                break  # & , ; ) ] } < >
            digit = digit or is_a(byte, DIGIT)
            p += 1
        while p > start and at(data, begin, end, p - 1) == DOT:
            p -= 1
        if ends_with(data, first, last, AUTHORIZATION) and not digit:
            # a scheme, then what it takes
            after = past_token(data, p + 1, end) if at(data, begin, end, p) == SPACE else p
            if after - p > 8:
                for k in range(p, after):
                    digit = digit or is_a(get8(data, k), DIGIT)
                if digit or at(data, begin, end, i) == EQUALS:
                    p = after
        elif ends_with(data, first, last, COOKIE):
            # pairs of name=value, to the end of the line
            while p < end and get8(data, p) >= SPACE and get8(data, p) not in (QUOTE, BACKSLASH, 0x7D):
                p += 1
            for k in range(start, p):
                digit = digit or get8(data, k) == EQUALS
        prose = at(data, begin, end, i) == COLON and not quoted_name
        if prose and not digit:
            return none  # "token: expired" tells of a token
    size = p - start
    if size < 3 or (quote == PERCENT and size == 3):
        return none
    if is_blank(data, begin, end, start, size, _NULL) or is_blank(data, begin, end, start, size, _TRUE):
        return none
    if is_blank(data, begin, end, start, size, _FALSE) or is_blank(data, begin, end, start, size, _NONE):
        return none
    return start, p
