"""One text: all detectors in one pass from left to right, then what is hidden in base64."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from ingest.masking.context import (
    DECODED,
    END,
    FLAGS,
    HINTED,
    LEAF,
    LEAF_COUNT,
    LEAF_NOW,
    LEAVES,
    MASKS,
    PAIRS,
    POLICY,
    RULE,
    SCRATCH,
    SPAN,
    SPAN_COUNT,
    SPAN_ROOM,
    SPANS,
    START,
    TAKEN,
    emit,
    on,
)
from ingest.masking.detectors.card import match_card
from ingest.masking.detectors.chars import (
    AT,
    BASE64,
    CLASS,
    COLON,
    DASH,
    DIGIT,
    EQUALS,
    HEX,
    HIGH,
    LETTER,
    OPEN,
    PERCENT,
    PLUS,
    at,
    escaped,
    is_a,
    opens_word,
)
from ingest.masking.detectors.email import match_email
from ingest.masking.detectors.iban import match_iban
from ingest.masking.detectors.ids import LENIENT_CARD, LENIENT_SSN, Detector
from ingest.masking.detectors.ip import match_ipv4, match_ipv6
from ingest.masking.detectors.names import match_assignment
from ingest.masking.detectors.phone import match_international, match_national
from ingest.masking.detectors.secrets import (
    match_access_key,
    match_authorization,
    match_azure_secret,
    match_jwt,
    match_private_key,
)
from ingest.masking.detectors.ssn import match_ssn
from ingest.masking.detectors.url import match_url_credentials
from ingest.masking.prefilter import LEAST_BASE64, opens_text, sextet, worth_looking
from schema.loads import address, get8, get64, put8, put64
from schema.wire.reading import valid_utf8

CARD, IBAN, EMAIL, SSN, JWT, AUTHORIZATION, ACCESS_KEY, PRIVATE_KEY, URL_CREDENTIALS, ASSIGNMENT = (
    int(Detector[name])
    for name in (
        "CARD", "IBAN", "EMAIL", "SSN", "JWT", "AUTHORIZATION", "ACCESS_KEY", "PRIVATE_KEY", "URL_CREDENTIALS",
        "ASSIGNMENT",
    )
)  # fmt: skip
PHONE, IPV4, IPV6 = int(Detector.PHONE), int(Detector.IPV4), int(Detector.IPV6)

WINDOW = 1 << 14
"""Characters of base64 decoded at a time; the next window begins OVERLAP before this one's end."""
OVERLAP = 1 << 10
MOST_ATTEMPTS = 8
"""Places of a run from which base64 is decoded in full, so that the work stays linear."""


@njit(nogil=True, cache=True)
def at_digit(data, begin, end, i, mask, hinted, ctx):
    """Try what begins with a digit -> where it ends, -1 for nothing."""
    p = np.int64(-1)
    if on(mask, IPV4):
        p = match_ipv4(data, begin, end, i)
        if p >= 0:
            emit(ctx, i, p, IPV4)
            return p
    if on(mask, CARD):
        p = match_card(data, begin, end, i, mask & LENIENT_CARD != 0)
        if p >= 0:
            emit(ctx, i, p, CARD)
            return p
    if on(mask, SSN):
        p = match_ssn(data, begin, end, i, mask & LENIENT_SSN != 0)
        if p >= 0:
            emit(ctx, i, p, SSN)
            return p
    if on(mask, PHONE):
        p = match_national(data, begin, end, i, hinted)
        if p >= 0:
            emit(ctx, i, p, PHONE)
            return p
    if on(mask, IPV6):
        p = match_ipv6(data, begin, end, i)
        if p >= 0:
            emit(ctx, i, p, IPV6)
    return p


@njit(nogil=True, cache=True)
def at_letter(data, begin, end, i, mask, ctx):
    """Try what begins with a letter, at a word's beginning -> where it ends, -1 for nothing."""
    if on(mask, JWT):
        p = match_jwt(data, begin, end, i)
        if p >= 0:
            emit(ctx, i, p, JWT)
            return p
    if on(mask, AUTHORIZATION) and get8(data, i) | 0x20 == 0x62:  # b
        start, p = match_authorization(data, begin, end, i)
        if p >= 0:
            emit(ctx, start, p, AUTHORIZATION)
            return p
    if on(mask, ACCESS_KEY):
        start, p = match_access_key(data, begin, end, i)
        if p >= 0:
            emit(ctx, start, p, ACCESS_KEY)
            return p
    if on(mask, IBAN):
        p = match_iban(data, begin, end, i)
        if p >= 0:
            emit(ctx, i, p, IBAN)
            return p
    if on(mask, IPV6) and is_a(get8(data, i), HEX):
        p = match_ipv6(data, begin, end, i)
        if p >= 0:
            emit(ctx, i, p, IPV6)
            return p
    return np.int64(-1)


@njit(nogil=True, cache=True)
def at_sign(data, begin, end, i, mask, hinted, ctx):
    """Try what stands at any other byte -> where it ends, -1 for nothing."""
    byte = get8(data, i)
    p = np.int64(-1)
    start = i
    rule = 0
    if byte == AT or (byte == PERCENT and at(data, begin, end, i + 1) == 0x34 and at(data, begin, end, i + 2) == 0x30):
        if on(mask, EMAIL):
            start, p = match_email(data, begin, end, i)
            rule = EMAIL
    elif byte == COLON:
        if on(mask, URL_CREDENTIALS):
            start, p = match_url_credentials(data, begin, end, i)
            rule = URL_CREDENTIALS
        if p < 0 and on(mask, IPV6):
            start, rule = i, IPV6
            p = match_ipv6(data, begin, end, i)
        if p < 0 and on(mask, ASSIGNMENT):
            start, p = match_assignment(data, begin, end, i, get64(ctx, SCRATCH))
            rule = ASSIGNMENT
    elif byte == EQUALS:
        if on(mask, ASSIGNMENT):
            start, p = match_assignment(data, begin, end, i, get64(ctx, SCRATCH))
            rule = ASSIGNMENT
    elif byte == DASH:
        if on(mask, PRIVATE_KEY):
            p = match_private_key(data, begin, end, i)
            rule = PRIVATE_KEY
    elif byte == PLUS or (
        byte == PERCENT and at(data, begin, end, i + 1) == 0x32 and at(data, begin, end, i + 2) | 0x20 == 0x62
    ):
        if on(mask, PHONE):
            p = match_international(data, begin, end, i)
            rule = PHONE
    elif byte == OPEN:
        if on(mask, PHONE):
            p = match_national(data, begin, end, i, hinted)
            rule = PHONE
    elif byte == 0x7E and on(mask, ACCESS_KEY) and at(data, begin, end, i - 1) == 0x51:  # Q~
        start, p = match_azure_secret(data, begin, end, i - 1)
        rule = ACCESS_KEY
    if p >= 0:
        emit(ctx, start, p, rule)
    return p


@njit(nogil=True, cache=True)
def scan_plain(data, begin, end, mask, hinted, ctx):
    """Emit what the detectors find in data[begin:end]."""
    i = begin
    while i < end:
        byte = get8(data, i)
        kind = CLASS[byte]
        p = np.int64(-1)
        step = 1
        if kind & DIGIT:
            if i == begin or not is_a(get8(data, i - 1), DIGIT) or escaped(data, begin, i):
                p = at_digit(data, begin, end, i, mask, hinted, ctx)
        elif kind & LETTER:
            if opens_word(data, begin, i):
                p = at_letter(data, begin, end, i, mask, ctx)
        elif kind & HIGH == 0 and byte > 0x20:
            p = at_sign(data, begin, end, i, mask, hinted, ctx)
            if byte == PERCENT and is_a(at(data, begin, end, i + 1), HEX) and is_a(at(data, begin, end, i + 2), HEX):
                step = 3
        i = p if p > i else i + step


@njit(nogil=True, cache=True)
def decode(data, p, end, out):
    """Write the bytes that the base64 data[p:end] stands for -> how many."""
    n = 0
    bits = np.int64(0)
    held = 0
    while p < end:
        bits = (bits << 6 | sextet(get8(data, p))) & 0xFFFF
        held += 6
        if held >= 8:
            held -= 8
            put8(out, n, bits >> held)
            n += 1
        p += 1
    return n


@njit(nogil=True, cache=True)
def is_text(data, size):
    """Whether these bytes are text: UTF-8 without control characters. The end may cut a character."""
    for p in range(size):
        byte = get8(data, p)
        if byte < 0x20 and byte not in (9, 10, 13):
            return False
        if byte == 0x7F:
            return False
    cut = 0
    while cut < 3 and cut < size and get8(data, size - 1 - cut) & 0xC0 == 0x80:
        cut += 1
    if cut < size and get8(data, size - 1 - cut) >= 0xC0:
        size -= cut + 1
    return valid_utf8(data, 0, size)


@njit(nogil=True, cache=True)
def hidden(data, p, end, mask, hinted, ctx):
    """The rule of the first thing found in what the base64 data[p:end] stands for, -1 for nothing."""
    out = get64(ctx, SCRATCH) + DECODED
    begin = p
    while True:
        stop = min(end, p + WINDOW)
        size = decode(data, p, stop, out)
        cut = 0  # bytes of a character that began in the window before
        while p > begin and cut < 3 and cut < size and get8(out, cut) & 0xC0 == 0x80:
            cut += 1
        if not is_text(out + cut, size - cut):
            return np.int64(-1)
        if worth_looking(out, 0, size, get64(ctx, PAIRS)):
            first = get64(ctx, SPAN_COUNT)
            scan_plain(out, 0, size, mask, hinted, ctx)
            if get64(ctx, SPAN_COUNT) > first:
                put64(ctx, SPAN_COUNT, first)
                if first >= get64(ctx, SPAN_ROOM):
                    return np.int64(0)  # the pass is repeated with more room
                return get64(get64(ctx, SPANS), first * SPAN + RULE)
        if stop == end:
            return np.int64(-1)
        p = stop - OVERLAP


@njit(nogil=True, cache=True)
def scan_base64(data, begin, end, mask, hinted, ctx):
    """Emit runs of base64 in data[begin:end] whose text holds something."""
    i = begin
    while i + LEAST_BASE64 <= end:
        if CLASS[get8(data, i)] & BASE64 == 0:
            i += 1
            continue
        stop = i
        while stop < end and CLASS[get8(data, stop)] & BASE64:
            stop += 1
        first = i
        attempts = 0
        while first + LEAST_BASE64 <= stop and attempts < MOST_ATTEMPTS:
            if opens_text(data, first, stop):
                attempts += 1
                rule = hidden(data, first, stop, mask, hinted, ctx)
                if rule >= 0:
                    last = stop
                    while last < end and last - stop < 2 and get8(data, last) == EQUALS:
                        last += 1
                    emit(ctx, first, last, rule)
                    break
            # Base64 can begin behind what separates parts of a path or a name, which are of its alphabet, too.
            first += 1
            while first < stop and sextet(get8(data, first - 1)) < 62:
                first += 1
        i = stop


@njit(types.void(types.Array(types.uint8, 1, "C"), types.Array(types.int64, 1, "C")), nogil=True, cache=True)
def scan_leaves(data, context):
    """Emit all that is found in the leaves that were not taken whole."""
    source, ctx = address(data), address(context)
    leaves = get64(ctx, LEAVES)
    for leaf in range(get64(ctx, LEAF_COUNT)):
        row = leaves + leaf * LEAF * 8
        flags = get64(row, FLAGS)
        if flags & TAKEN:
            continue
        put64(ctx, LEAF_NOW, leaf)
        begin, end = get64(row, START), get64(row, END)
        mask = get64(get64(ctx, MASKS), get64(row, POLICY))
        hinted = flags & HINTED != 0
        scan_plain(source, begin, end, mask, hinted, ctx)
        scan_base64(source, begin, end, mask, hinted, ctx)
