"""count_items(): how many OTLP items are in a request, without a scan of what is in them."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from schema.loads import address
from schema.signal import Signal
from schema.wire.descriptors import MetricData
from schema.wire.reading import read_length, read_tag, skip_field

RESOURCE, SCOPE, ITEM, POINT = 1, 2, 2, 1
"""Field numbers on the way to an item, and of the points in a metric's data."""

_KINDS = sum(1 << kind for kind in MetricData if kind)
_READONLY = types.Array(types.uint8, 1, "C", readonly=True)


@njit(types.int64(types.int64, types.int64, types.int64, types.int64), nogil=True, cache=True)
def count_fields(data, p, end, number):
    """Fields of a message with this number and a length -> count, or less than 0."""
    count = 0
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            return p
        count += tag == number << 3 | 2
        p = skip_field(data, p, end, tag, 0)
        if p < 0:
            return p
    return count


@njit(types.int64(types.int64, types.int64, types.int64), nogil=True, cache=True)
def count_points(data, p, end):
    """Data points of a Metric -> count, or less than 0. Of its kinds of data the last one counts (a oneof)."""
    count = 0
    kind = np.int64(0)
    while p < end:
        tag, p = read_tag(data, p, end)
        if p < 0:
            return p
        number = tag >> 3
        if tag & 7 != 2 or number > 31 or not (_KINDS >> number) & 1:
            p = skip_field(data, p, end, tag, 0)
            if p < 0:
                return p
            continue
        length, p = read_length(data, p, end)
        if p < 0:
            return p
        found = count_fields(data, p, p + length, POINT)
        if found < 0:
            return found
        count = found + (count if number == kind else 0)
        kind = number
        p += length
    return count


@njit(types.int64(_READONLY, types.boolean), nogil=True, cache=True)
def count_body(body, points):
    """Items of a request -> count, or less than 0. An explicit stack of three levels: request, resource, scope."""
    data = address(body)
    ends = np.zeros(3, np.int64)
    ends[0] = len(body)
    level = 0
    p = np.int64(0)
    count = np.int64(0)
    while True:
        while p == ends[level]:
            if level == 0:
                return count
            level -= 1
        end = ends[level]
        tag, p = read_tag(data, p, end)
        if p < 0:
            return p
        if tag != (RESOURCE if level == 0 else SCOPE) << 3 | 2:
            p = skip_field(data, p, end, tag, level)
            if p < 0:
                return p
            continue
        length, p = read_length(data, p, end)
        if p < 0:
            return p
        if level < 2:
            level += 1
            ends[level] = p + length
            continue
        found = count_points(data, p, p + length) if points else np.int64(1)
        if found < 0:
            return found
        count += found
        p += length


def count_items(signal: Signal, body: bytes) -> int:
    """Spans, data points or log records in a request, as a scan would count them; -1 if its envelopes are malformed.

    What is inside of an item is not looked at.
    """
    return max(-1, int(count_body(np.frombuffer(body, np.uint8), signal is Signal.METRICS)))
