"""Kernels for Prometheus' native histograms: from spans and deltas to counts of buckets, checked."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt
from numba import njit

from schema.loads import load64
from schema.remote_write.layout import (
    CUSTOM,
    CUSTOM_GAUGE,
    CUSTOM_SCHEMA,
    EXPONENTIAL,
    EXPONENTIAL_GAUGE,
    LEAST_SCHEMA,
    MAX_BUCKETS,
    MOST_SCHEMA,
)
from schema.wire.reading import (
    ERR_GROUP,
    ERR_PACKED,
    ERR_TAG,
    ERR_TRUNCATED,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)


class HistogramPart(IntEnum):
    """Numbers of a histogram that was read, int64; doubles by their bits."""

    COUNT = 0
    SUM = 1
    SCHEMA = 2
    ZERO_THRESHOLD = 3
    ZERO_COUNT = 4
    RESET = 5
    TIME = 6
    CREATED = 7
    POSITIVE_SIZE = 8
    POSITIVE_OFFSET = 9
    NEGATIVE_SIZE = 10
    NEGATIVE_OFFSET = 11
    CUSTOM_SIZE = 12
    INEXACT = 13


COUNT, SUM, SCHEMA, ZERO_THRESHOLD, ZERO_COUNT, RESET, TIME, CREATED = (int(part) for part in list(HistogramPart)[:8])
POSITIVE_SIZE, POSITIVE_OFFSET, NEGATIVE_SIZE, NEGATIVE_OFFSET, CUSTOM_SIZE, INEXACT = (
    int(part) for part in list(HistogramPart)[8:]
)

SPANS, DELTAS, FLOATS = 0, 1, 2
NEGATIVE_SIDE = 3
"""Lists of the negative side come after those of the positive side."""
BOUNDS, POSITIVE_COUNTS, NEGATIVE_COUNTS = 6, 7, 8
LISTS = 9
"""Rows of the scratch array `lists`, int64[LISTS, 2 * MAX_BUCKETS]."""

GAUGE_RESET = 3
_NONE, _WHOLE, _FLOAT = 0, 1, 2
_MOST = 9.0e18
"""Counts above this, which OTLP could hardly hold, are no counts."""


def histogram_lists() -> npt.NDArray[np.int64]:
    """Scratch for read_histogram(); memory that no histogram comes to use is never touched."""
    return np.empty((LISTS, 2 * MAX_BUCKETS), np.int64)


@njit(nogil=True, cache=True, error_model="numpy")
def histogram_kind(shape):
    """Which kind of points a histogram makes."""
    if shape[SCHEMA] == CUSTOM_SCHEMA:
        return CUSTOM_GAUGE if shape[RESET] == GAUGE_RESET else CUSTOM
    return EXPONENTIAL_GAUGE if shape[RESET] == GAUGE_RESET else EXPONENTIAL


@njit(nogil=True, cache=True, error_model="numpy")
def zigzag(value):
    """A sint64 of its varint."""
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))


@njit(nogil=True, cache=True, error_model="numpy")
def read_span(data, p, end, lists, side, n):
    """A BucketSpan into a list of pairs (offset, length) -> next."""
    offset = length = np.int64(0)
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            return p
        if tag < 8:
            return np.int64(ERR_TAG)
        if tag & 7 == 4:
            return np.int64(ERR_GROUP)
        if tag == 0x08 or tag == 0x10:
            value, p = read_varint(data, p, end)
            if tag == 0x08:
                offset = zigzag(value & np.uint64(0xFFFFFFFF))
            else:
                length = np.int64(value & np.uint64(0xFFFFFFFF))
        else:
            p = skip_field(data, p, end, tag, 3)
        if p < 0:
            return p
    if n < MAX_BUCKETS:
        lists[side + SPANS, 2 * n] = offset
        lists[side + SPANS, 2 * n + 1] = length
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def read_number(data, p, end, wire, lists, row, n):
    """One number of a repeated field (sint64 or double) -> next."""
    if wire == 0:
        value, p = read_varint(data, p, end)
        if n < MAX_BUCKETS:
            lists[row, n] = zigzag(value)
        return p
    if end - p < 8:
        return np.int64(ERR_TRUNCATED)
    if n < MAX_BUCKETS:
        lists[row, n] = np.int64(load64(data, p))
    return p + 8


@njit(nogil=True, cache=True, error_model="numpy")
def whole(value, shape):
    """A float count as a whole number; notes if that is not the same. -1 if it is no count."""
    if not 0.0 <= value <= _MOST:
        return np.int64(-1)
    rounded = np.int64(np.rint(value))
    if np.float64(rounded) != value:
        shape[INEXACT] = 1
    return rounded


@njit(nogil=True, cache=True, error_model="numpy")
def expand(shape, lists, side, spans, deltas, floats, is_float, absolute):
    """Spans and deltas -> counts of consecutive buckets; False if they are not what a histogram may have.

    `absolute`: buckets are counted from index 0 (custom bounds), else from the first span.
    """
    out = NEGATIVE_COUNTS if side else POSITIVE_COUNTS
    size = np.int64(0)
    taken = 0
    current = np.int64(0)
    given = floats if is_float else deltas
    if spans >= MAX_BUCKETS or given >= MAX_BUCKETS or (deltas if is_float else floats):
        return False
    for span in range(spans):
        offset, length = lists[side + SPANS, 2 * span], lists[side + SPANS, 2 * span + 1]
        if span == 0 and not absolute:
            shape[NEGATIVE_OFFSET if side else POSITIVE_OFFSET] = offset
            offset = np.int64(0)
        if offset < 0 or length > MAX_BUCKETS or offset + size + length > MAX_BUCKETS or taken + length > given:
            return False
        for _ in range(offset):
            lists[out, size] = 0
            size += 1
        for _ in range(length):
            if is_float:
                current = whole(np.int64(lists[side + FLOATS, taken]).view(np.float64), shape)
            else:
                current += lists[side + DELTAS, taken]
            if current < 0:
                return False
            lists[out, size] = current
            size += 1
            taken += 1
    shape[NEGATIVE_SIZE if side else POSITIVE_SIZE] = size
    return taken == given


@njit(nogil=True, cache=True, error_model="numpy")
def ascending_bounds(lists, count):
    """Whether custom bounds are finite and strictly ascending."""
    for i in range(count):
        bound = np.int64(lists[BOUNDS, i]).view(np.float64)
        if not np.isfinite(bound) or (i > 0 and not np.int64(lists[BOUNDS, i - 1]).view(np.float64) < bound):
            return False
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def read_histogram(data, p, end, shape, lists):
    """A Histogram into `shape` (by HistogramPart) and `lists` -> (next, whether it is a valid one)."""
    shape[:] = 0
    counted = zeroed = _NONE
    used = np.zeros(LISTS, np.int64)
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            return p, False
        number, wire = tag >> 3, tag & 7
        if number == 0:
            return np.int64(ERR_TAG), False
        if wire == 4:
            return np.int64(ERR_GROUP), False
        side = NEGATIVE_SIDE if 8 <= number <= 10 else 0
        row = np.int64(-1)
        if number == 9 or number == 12:
            row = np.int64(side + DELTAS)
        elif number == 10 or number == 13:
            row = np.int64(side + FLOATS)
        elif number == 16:
            row = np.int64(BOUNDS)
        element = 0 if number == 9 or number == 12 else 1
        if row >= 0 and wire == element:
            p = read_number(data, p, end, wire, lists, row, used[row])
            used[row] += 1
        elif row >= 0 and wire == 2:
            length, p = read_length(data, p, end)
            if p < 0:
                return p, False
            stop = p + length
            if element == 1 and length % 8:
                return np.int64(ERR_PACKED), False
            while p >= 0 and p < stop:
                p = read_number(data, p, stop, element, lists, row, used[row])
                used[row] += 1
        elif (number == 8 or number == 11) and wire == 2:
            length, p = read_length(data, p, end)
            if p < 0:
                return p, False
            p = read_span(data, p, p + length, lists, side, used[side + SPANS])
            used[side + SPANS] += 1
        elif wire == 0 and number in (1, 4, 6, 14, 15, 17):
            value, p = read_varint(data, p, end)
            if number == 1:
                shape[COUNT], counted = np.int64(value), _WHOLE
            elif number == 4:
                shape[SCHEMA] = zigzag(value & np.uint64(0xFFFFFFFF))
            elif number == 6:
                shape[ZERO_COUNT], zeroed = np.int64(value), _WHOLE
            elif number == 14:
                shape[RESET] = np.int64(value)
            elif number == 15:
                shape[TIME] = np.int64(value)
            else:
                shape[CREATED] = np.int64(value)
        elif wire == 1 and number in (2, 3, 5, 7):
            if end - p < 8:
                return np.int64(ERR_TRUNCATED), False
            bits = np.int64(load64(data, p))
            p += 8
            if number == 2:
                shape[COUNT], counted = bits, _FLOAT
            elif number == 3:
                shape[SUM] = bits
            elif number == 5:
                shape[ZERO_THRESHOLD] = bits
            else:
                shape[ZERO_COUNT], zeroed = bits, _FLOAT
        else:
            p = skip_field(data, p, end, tag, 2)
        if p < 0:
            return p, False
    return p, checked(shape, lists, used, counted, zeroed)


@njit(nogil=True, cache=True, error_model="numpy")
def checked(shape, lists, used, counted, zeroed):
    """Make the buckets' counts; whether all of the histogram fits together."""
    is_float = counted == _FLOAT
    if is_float:
        shape[COUNT] = whole(np.int64(shape[COUNT]).view(np.float64), shape)
    if zeroed == _FLOAT:
        shape[ZERO_COUNT] = whole(np.int64(shape[ZERO_COUNT]).view(np.float64), shape)
    if shape[COUNT] < 0 or shape[ZERO_COUNT] < 0 or (zeroed != _NONE and counted != _NONE and zeroed != counted):
        return False
    custom = shape[SCHEMA] == CUSTOM_SCHEMA
    if not custom and not LEAST_SCHEMA <= shape[SCHEMA] <= MOST_SCHEMA:
        return False
    for side in (0, NEGATIVE_SIDE):
        spans, deltas, floats = used[side + SPANS], used[side + DELTAS], used[side + FLOATS]
        if not expand(shape, lists, side, spans, deltas, floats, is_float, custom):
            return False
    if custom:
        shape[CUSTOM_SIZE] = used[BOUNDS]
        beyond = shape[POSITIVE_SIZE] > used[BOUNDS] + 1 or used[BOUNDS] >= MAX_BUCKETS
        if beyond or shape[NEGATIVE_SIZE] or shape[ZERO_COUNT]:
            return False
        return ascending_bounds(lists, used[BOUNDS])
    return True
