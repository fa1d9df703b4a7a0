"""Samples as Prometheus writes them in JSON: `[1736899200.5,"0.25"]`, a time in seconds and a value as a string.

Values are Go's: the fewest digits that tell the double, without an exponent from 1e-6 up to 1e21. orjson finds the
digits, a compiled pass sets them: ten times faster than to write each number in Python.
"""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt
import orjson

from schema.arrays import F64, I64

_AT_ONCE = 1 << 18  # samples of which the text is held twice
_LONGEST = 64  # bytes of a sample: [-9223372036854775.808,"-0.0000022250738585072014"],

Bytes = npt.NDArray[np.uint8]


def rows_text(offsets: I64, times: I64, values: F64) -> Iterator[bytes]:
    """The samples of each series, with commas; series i's stand at offsets[i]:offsets[i+1]. Times in ms."""
    series, last = 0, len(offsets) - 1
    while series < last:
        # As many series as have about so many samples, and at least one.
        end = int(np.searchsorted(offsets, offsets[series] + _AT_ONCE, side="right")) - 1
        end = min(max(end, series + 1), last)
        yield from _written(offsets[series : end + 1], times, values)
        series = end


def value_text(value: float) -> str:
    """One value."""
    (text,) = rows_text(np.array([0, 1], np.int64), np.zeros(1, np.int64), np.array([value], np.float64))
    return text.decode()[len('[0,"') : -len('"]')]


def _written(offsets: I64, times: I64, values: F64) -> Iterator[bytes]:
    whole = slice(int(offsets[0]), int(offsets[-1]))
    part = np.ascontiguousarray(values[whole])
    digits = np.frombuffer(bytearray(orjson.dumps(part, option=orjson.OPT_SERIALIZE_NUMPY)), np.uint8)
    out = np.empty(_LONGEST * len(part), np.uint8)
    ends = np.empty(len(offsets) - 1, np.int64)
    _write(digits, part, np.ascontiguousarray(times[whole]), offsets - offsets[0], out, ends)
    start = 0
    for end in ends.tolist():
        yield out[start:end].tobytes()
        start = end


@numba.njit("int64(int64, uint8[::1], int64)", nogil=True, cache=True)
def _whole(number, out, at):
    """Digits of a number that is not negative."""
    length, rest = 1, number // 10
    while rest:
        length, rest = length + 1, rest // 10
    for place in range(at + length - 1, at - 1, -1):
        out[place] = 48 + number % 10
        number //= 10
    return at + length


@numba.njit("int64(int64, uint8[::1], int64)", nogil=True, cache=True)
def _time(milliseconds, out, at):
    """Seconds, with three digits behind the point unless all are zero."""
    if milliseconds < 0:
        out[at] = 45  # -
        at, milliseconds = at + 1, -milliseconds
    at = _whole(milliseconds // 1000, out, at)
    rest = milliseconds % 1000
    if rest:
        out[at] = 46  # .
        out[at + 1], out[at + 2], out[at + 3] = 48 + rest // 100, 48 + rest // 10 % 10, 48 + rest % 10
        at += 4
    return at


@numba.njit("int64(float64, uint8[::1], int64)", nogil=True, cache=True)
def _not_finite(value, out, at):
    """NaN, +Inf, -Inf."""
    if value != value:
        out[at], out[at + 1], out[at + 2] = 78, 97, 78
        return at + 3
    out[at] = 43 if value > 0 else 45
    out[at + 1], out[at + 2], out[at + 3] = 73, 110, 102
    return at + 4


@numba.njit("int64(uint8[::1], int64, int64, int64, float64, uint8[::1], int64)", nogil=True, cache=True)
def _scaled(digits, start, mark, end, value, out, at):
    """A number of the form d.ddde[-]d, whose `e` is at `mark`, in Go's form."""
    if digits[start] == 45:
        out[at] = 45
        at, start = at + 1, start + 1
    negative = digits[mark + 1] == 45
    exponent = 0
    for place in range(mark + 1, end):
        if 48 <= digits[place] <= 57:
            exponent = exponent * 10 + digits[place] - 48
    size = abs(value)
    if size < 1e-6 or size >= 1e21:
        if mark - start == 3 and digits[start + 2] == 48:  # d.0
            mark = start + 1
        for place in range(start, mark):
            out[at] = digits[place]
            at += 1
        out[at], out[at + 1] = 101, 45 if negative else 43
        at += 2
        if exponent < 10:
            out[at] = 48
            at += 1
        return _whole(exponent, out, at)
    if negative:
        out[at], out[at + 1] = 48, 46
        at += 2
        for _ in range(exponent - 1):
            out[at] = 48
            at += 1
        for place in range(start, mark):
            if digits[place] != 46 and not (place == mark - 1 and mark - start == 3 and digits[place] == 48):
                out[at] = digits[place]
                at += 1
        return at
    written = 0
    for place in range(start, mark):
        if digits[place] != 46 and written <= exponent:
            out[at] = digits[place]
            at, written = at + 1, written + 1
    while written <= exponent:  # a number of so many digits has none behind the point
        out[at] = 48
        at, written = at + 1, written + 1
    return at


@numba.njit("void(uint8[::1], float64[::1], int64[::1], int64[::1], uint8[::1], int64[::1])", nogil=True, cache=True)
def _write(digits, values, times, offsets, out, ends):
    """All samples; `digits` are the values as JSON's array."""
    at, start = 0, 1
    for series in range(len(ends)):
        for sample in range(offsets[series], offsets[series + 1]):
            end, mark = start, -1
            while digits[end] != 44 and digits[end] != 93:  # , and ]
                if digits[end] == 101:  # e
                    mark = end
                end += 1
            if sample > offsets[series]:
                out[at] = 44
                at += 1
            out[at] = 91  # [
            at = _time(times[sample], out, at + 1)
            out[at], out[at + 1] = 44, 34  # ,"
            at += 2
            if digits[start] == 110:  # null
                at = _not_finite(values[sample], out, at)
            elif mark >= 0:
                at = _scaled(digits, start, mark, end, values[sample], out, at)
            else:
                stop = end - 2 if digits[end - 1] == 48 and digits[end - 2] == 46 else end  # .0
                for place in range(start, stop):
                    out[at] = digits[place]
                    at += 1
            out[at], out[at + 1] = 34, 93  # "]
            at += 2
            start = end + 1
        ends[series] = at
