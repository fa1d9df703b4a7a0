"""Kernels that read remote-write requests: one walk over each series, bounds-checked, without an object an item.

`data` is the address of the body. Each returns the next position, or minus an ErrorCode where the bytes are no
protobuf; what is protobuf but breaks a rule of remote write is tallied by its reason, and left out.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from schema.hash import xxh64_range
from schema.loads import address, get8, get64, load64, put32, put64
from schema.remote_write.histogram import HistogramPart, histogram_kind, read_histogram
from schema.remote_write.layout import (
    BOUND,
    CREATED,
    END,
    FLOAT,
    HELP,
    HELP_LEN,
    INSTANCE,
    INSTANCE_LEN,
    ITEMS,
    JOB,
    JOB_LEN,
    KINDS,
    MAX_LABELS,
    MAX_MS,
    METADATA_ROW,
    METRIC_HASH,
    N_LABELS,
    NAME,
    NAME_LEN,
    ROW,
    START,
    TARGET_HASH,
    TYPE,
    UNIT,
    UNIT_LEN,
    Item,
    Reason,
)
from schema.wire.reading import (
    ERR_GROUP,
    ERR_TAG,
    ERR_TRUNCATED,
    read_length,
    read_tag,
    read_varint,
    skip_field,
    valid_utf8,
)

_SAMPLE, _HISTOGRAM, _EXEMPLAR = int(Item.SAMPLES), int(Item.HISTOGRAMS), int(Item.EXEMPLARS)
_NAME, _LABELS, _REFERENCE, _UTF8 = int(Reason.NAME), int(Reason.LABELS), int(Reason.REFERENCE), int(Reason.UTF8)
_TIME, _BAD_HISTOGRAM = int(Reason.TIME), int(Reason.HISTOGRAM)
_HISTOGRAM_TIME, _HISTOGRAM_POSITIVE = int(HistogramPart.TIME), int(HistogramPart.POSITIVE_SIZE)
_HISTOGRAM_NEGATIVE, _HISTOGRAM_CUSTOM = int(HistogramPart.NEGATIVE_SIZE), int(HistogramPart.CUSTOM_SIZE)

_PRIME = np.uint64(0x9E3779B185EBCA87)
_NAME_TAG, _VALUE_TAG = 0x0A, 0x12

TOO_LONG, BAD_UTF8, BAD_REFERENCE, ODD = 1, 2, 4, 8
"""Faults of a list of labels, bits."""
LABEL = 4
"""Words of a label: slices of its name and value."""


@njit(nogil=True, cache=True, error_model="numpy")
def next_field(data, p, end):
    """A tag -> (field number, wire type, tag, next). Field number 0 and the end of a group are errors here."""
    tag = get8(data, p)
    if tag < 0x80:
        p += 1
    else:
        tag, p = read_tag(data, p, end)
        if p < 0:
            return np.int64(0), np.int64(0), tag, p
    if tag >> 3 == 0:
        return np.int64(0), np.int64(0), tag, np.int64(ERR_TAG)
    if tag & 7 == 4:
        return np.int64(0), np.int64(0), tag, np.int64(ERR_GROUP)
    return tag >> 3, tag & 7, tag, p


@njit(nogil=True, cache=True, error_model="numpy")
def add_label(labels, n, name, name_len, value, value_len):
    """Put a label in the list; what is beyond the list's room is only counted."""
    if n < MAX_LABELS:
        at = n * LABEL
        put64(labels, at, name)
        put64(labels, at + 1, name_len)
        put64(labels, at + 2, value)
        put64(labels, at + 3, value_len)


@njit(nogil=True, cache=True, error_model="numpy")
def read_label(data, p, end, labels, n, check):
    """A Label of 1.0 -> (faults, next). `check`: whether its texts are UTF-8 is not known yet."""
    name = name_len = value = value_len = np.int64(0)
    if end - p >= 4 and get8(data, p) == _NAME_TAG:  # as every encoder writes it: a short name, a short value
        size = get8(data, p + 1)
        at = p + 2 + size
        if size < 0x80 and at + 1 < end and get8(data, at) == _VALUE_TAG and get8(data, at + 1) == end - at - 2 < 0x80:
            name, name_len, value, value_len = p + 2, size, at + 2, end - at - 2
            p = end
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if p < 0:
            return np.int64(0), p
        if wire == 2 and number <= 2:
            length, p = read_length(data, p, end)
            if p < 0:
                return np.int64(0), p
            if number == 1:
                name, name_len = p, length
            else:
                value, value_len = p, length
            p += length
        else:
            p = skip_field(data, p, end, tag, 2)
            if p < 0:
                return np.int64(0), p
    add_label(labels, n, name, name_len, value, value_len)
    if check and not (valid_utf8(data, name, name + name_len) and valid_utf8(data, value, value + value_len)):
        return np.int64(BAD_UTF8), p
    return np.int64(0), p


@njit(nogil=True, cache=True, error_model="numpy")
def add_reference(symbols, count, labels, n, reference, pending):
    """One of 2.0's references, name and value in turn -> (faults, labels, name that waits for its value or -1)."""
    if reference >= count:
        return np.int64(BAD_REFERENCE), n, np.int64(-1) if pending >= 0 else np.int64(0)
    if pending < 0:
        return np.int64(0), n, reference
    off, length = get64(symbols, 2 * pending), get64(symbols, 2 * pending + 1)
    value, value_len = get64(symbols, 2 * reference), get64(symbols, 2 * reference + 1)
    add_label(labels, n, off, length, value, value_len)
    return np.int64(BAD_UTF8 if length < 0 or value_len < 0 else 0), n + 1, np.int64(-1)


@njit(nogil=True, cache=True, error_model="numpy")
def read_labels(data, p, end, wire, version, symbols, count, labels, n, pending, check):
    """Field 1 of a series or an exemplar -> (faults, labels, waiting reference, next)."""
    faults = np.int64(0)
    if wire == 0:
        reference, p = read_varint(data, p, end)
        if p >= 0:
            faults, n, pending = add_reference(symbols, count, labels, n, np.int64(reference & 0xFFFFFFFF), pending)
        return faults, n, pending, p
    length, p = read_length(data, p, end)
    if p < 0:
        return faults, n, pending, p
    stop = p + length
    if version == 1:
        faults, p = read_label(data, p, stop, labels, n, check)
        return faults, n + 1, pending, p
    while p < stop:
        reference, p = read_varint(data, p, stop)
        if p < 0:
            return faults, n, pending, p
        fault, n, pending = add_reference(symbols, count, labels, n, np.int64(reference & 0xFFFFFFFF), pending)
        faults |= fault
    return faults, n, pending, p


@njit(nogil=True, cache=True, error_model="numpy")
def read_sample(data, p, end):
    """A Sample -> (bits of its value, time ms, start ms, next)."""
    value, time, start = np.uint64(0), np.int64(0), np.int64(0)
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if p < 0:
            return value, time, start, p
        if number == 1 and wire == 1:
            if end - p < 8:
                return value, time, start, np.int64(ERR_TRUNCATED)
            value = load64(data, p)
            p += 8
        elif wire == 0 and (number == 2 or number == 3):
            number64, p = read_varint(data, p, end)
            if number == 2:
                time = np.int64(number64)
            else:
                start = np.int64(number64)
        else:
            p = skip_field(data, p, end, tag, 2)
        if p < 0:
            return value, time, start, p
    return value, time, start, p


@njit(nogil=True, cache=True, error_model="numpy")
def read_exemplar(data, p, end, version, symbols, count, labels):
    """An Exemplar -> (bits of its value, time ms, labels, faults, next)."""
    value, time, n, faults, pending = np.uint64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(-1)
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if p < 0:
            return value, time, n, faults, p
        if number == 1 and (wire == 2 or (wire == 0 and version == 2)):
            fault, n, pending, p = read_labels(data, p, end, wire, version, symbols, count, labels, n, pending, True)
            faults |= fault
        elif number == 2 and wire == 1:
            if end - p < 8:
                return value, time, n, faults, np.int64(ERR_TRUNCATED)
            value = load64(data, p)
            p += 8
        elif number == 3 and wire == 0:
            number64, p = read_varint(data, p, end)
            time = np.int64(number64)
        else:
            p = skip_field(data, p, end, tag, 2)
        if p < 0:
            return value, time, n, faults, p
    if pending >= 0:
        faults |= ODD
    if n > MAX_LABELS:
        faults |= TOO_LONG
    return value, time, n, faults, p


@njit(nogil=True, cache=True, error_model="numpy")
def read_metadata(data, p, end, row):
    """The Metadata of a 2.0 series: its type and the references of help and unit, into columns of the row."""
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if p < 0:
            return p
        if wire == 0 and (number == 1 or number == 3 or number == 4):
            number64, p = read_varint(data, p, end)
            if p < 0:
                return p
            value = np.int64(number64 & 0xFFFFFFFF)
            put64(row, TYPE if number == 1 else HELP if number == 3 else UNIT, value)
        else:
            p = skip_field(data, p, end, tag, 2)
            if p < 0:
                return p
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def walk_series(data, p, end, version, symbols, count, labels, row, places, check):
    """Find a series' fields -> (faults of its labels, how many samples, histograms and exemplars, next).

    Numbers go to the row, labels to the list, and for each sample, histogram and exemplar, in the order of the wire,
    its Item and where it begins (at its length) to `places`, int32, which has room for as many as there are bytes.
    """
    faults, pending = np.int64(0), np.int64(-1)
    n = items = np.int64(0)
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if p < 0:
            return faults, items, p
        if number == 1 and (wire == 2 or (wire == 0 and version == 2)):
            fault, n, pending, p = read_labels(data, p, end, wire, version, symbols, count, labels, n, pending, check)
            faults |= fault
        elif wire == 2 and 2 <= number <= 4:
            item = np.int64(_EXEMPLAR)
            if number == 2:
                item = np.int64(_SAMPLE)
            elif (number == 3) == (version == 2):
                item = np.int64(_HISTOGRAM)
            put32(places, 2 * items, item)
            put32(places, 2 * items + 1, p)
            items += 1
            length, p = read_length(data, p, end)
            if p >= 0:
                p += length
        elif version == 2 and number == 5 and wire == 2:
            length, p = read_length(data, p, end)
            if p >= 0:
                p = read_metadata(data, p, p + length, row)
        elif version == 2 and number == 6 and wire == 0:
            number64, p = read_varint(data, p, end)
            put64(row, CREATED, np.int64(number64))
        else:
            p = skip_field(data, p, end, tag, 1)
        if p < 0:
            return faults, items, p
    if pending >= 0:
        faults |= ODD
    if n > MAX_LABELS:
        faults |= TOO_LONG
    put64(row, N_LABELS, n)
    return faults, items, p


@njit(nogil=True, cache=True, error_model="numpy")
def compare(data, a, a_len, b, b_len):
    """Order of two byte strings: negative, 0 or positive."""
    shorter = min(a_len, b_len)
    for i in range(shorter):
        difference = get8(data, a + i) - get8(data, b + i)
        if difference != 0:
            return difference
    return a_len - b_len


@njit(nogil=True, cache=True, error_model="numpy")
def equal(data, a, a_len, b, b_len):
    """Whether two byte strings are the same."""
    if a_len != b_len:
        return False
    if a == b:
        return True
    i = 0
    while i + 8 <= a_len:
        if load64(data, a + i) != load64(data, b + i):
            return False
        i += 8
    while i < a_len:
        if get8(data, a + i) != get8(data, b + i):
            return False
        i += 1
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def label_fault(data, labels, n, hashes):
    """Whether labels have an empty name or one name twice. Sorted ones, the rule, take one comparison each."""
    ascending = True
    for i in range(n):
        at = i * LABEL
        if get64(labels, at + 1) == 0:
            return True
        if i > 0 and ascending:
            before = at - LABEL
            order = compare(
                data, get64(labels, before), get64(labels, before + 1), get64(labels, at), get64(labels, at + 1)
            )
            if order == 0:
                return True
            ascending = order < 0
    if ascending:
        return False
    for i in range(n):
        hashes[i] = xxh64_range(data, get64(labels, i * LABEL), get64(labels, i * LABEL + 1), np.uint64(0))
    used = np.sort(hashes[:n])
    return bool((used[1:] == used[:-1]).any())


@njit(nogil=True, cache=True, error_model="numpy")
def is_text(data, off, length, low, high, size):
    """Whether a slice is the text of `size` (at most 16) bytes whose little-endian words are `low` and `high`."""
    if length != size:
        return False
    for i in range(size):
        word = low if i < 8 else high
        if get8(data, off + i) != np.int64((word >> np.uint64(8 * (i & 7))) & np.uint64(0xFF)):
            return False
    return True


def words(text: bytes) -> tuple[np.uint64, np.uint64, int]:
    """A text of at most 16 bytes as is_text() takes it."""
    padded = text.ljust(16, b"\0")
    return np.uint64(int.from_bytes(padded[:8], "little")), np.uint64(int.from_bytes(padded[8:], "little")), len(text)


_NAME_WORD, _INSTANCE_WORD, _JOB_WORD = (words(text)[0] for text in (b"__name__", b"instance", b"job"))


@njit(nogil=True, cache=True, error_model="numpy")
def label_role(data, off, length):
    """What a label's name means: 1 the metric's name, 2 job, 3 instance, 0 a label like others."""
    if length == 8:
        word = load64(data, off)
        if word == _NAME_WORD:
            return 1
        if word == _INSTANCE_WORD:
            return 3
    elif length == 3:
        word = np.uint64(get8(data, off) | get8(data, off + 1) << 8 | get8(data, off + 2) << 16)
        if word == _JOB_WORD:
            return 2
    return 0


@njit(nogil=True, cache=True, error_model="numpy")
def place_labels(data, labels, n, row):
    """Slices of name, job and instance into the row -> most bytes that the labels take as attributes."""
    size = np.int64(0)
    for i in range(n):
        at = i * LABEL
        off, length, value, value_len = (
            get64(labels, at), get64(labels, at + 1), get64(labels, at + 2), get64(labels, at + 3),
        )  # fmt: skip
        role = label_role(data, off, length)
        if role == 0:
            size += length + value_len + 24
        else:
            put64(row, NAME + 2 * (role - 1), value)
            put64(row, NAME + 2 * (role - 1) + 1, value_len)
    return size


@njit(nogil=True, cache=True, error_model="numpy")
def resolve(symbols, count, row, column):
    """Put the slice of a reference in a column in its place -> faults."""
    reference = get64(row, column)
    put64(row, column, 0)
    if reference >= count:
        return BAD_REFERENCE if reference != 0 else 0
    length = get64(symbols, 2 * reference + 1)
    if length < 0:
        return BAD_UTF8
    put64(row, column, get64(symbols, 2 * reference))
    put64(row, column + 1, length)
    return 0


@njit(nogil=True, cache=True, error_model="numpy")
def reason_of(faults, named, repeated):
    """The Reason of a series' faults, or -1."""
    if faults & (BAD_REFERENCE | ODD):
        return _REFERENCE
    if faults & BAD_UTF8:
        return _UTF8
    if faults & TOO_LONG or repeated:
        return _LABELS
    return np.int64(-1) if named else _NAME


@njit(nogil=True, cache=True, error_model="numpy")
def tally(tallies, reason, item, count):
    """Count items as written (reason < 0) or as rejected."""
    at = item if reason < 0 else ITEMS + reason * ITEMS + item
    put64(tallies, at, get64(tallies, at) + count)


@njit(nogil=True, cache=True, error_model="numpy")
def in_time(ms):
    """Whether a timestamp can be kept."""
    return 0 <= ms <= MAX_MS


@njit(nogil=True, cache=True, error_model="numpy")
def check_items(data, version, symbols, count, row, places, items, attributes, labels, shape, lists, bad, tallies):
    """Read each sample, histogram and exemplar, tally it, set the kinds of points -> 0 or minus an ErrorCode.

    `bad`: the Reason of all of them, or -1. `attributes`: bytes that the labels take at most.
    """
    kinds, bound, exemplars = np.int64(0), np.int64(0), np.int64(0)
    for i in range(items):
        item = np.int64(places[2 * i])
        length, p = read_length(data, np.int64(places[2 * i + 1]), get64(row, END))
        reason = bad
        if item == _SAMPLE:
            _, time, _, p = read_sample(data, p, p + length)
            if p < 0:
                return p
            if reason < 0 and not in_time(time):
                reason = np.int64(_TIME)
            if reason < 0:
                kinds |= 1 << FLOAT
                bound += attributes + 72
        elif item == _HISTOGRAM:
            p, valid = read_histogram(data, p, p + length, shape, lists)
            if p < 0:
                return p
            if reason < 0 and not valid:
                reason = np.int64(_BAD_HISTOGRAM)
            if reason < 0 and not in_time(shape[_HISTOGRAM_TIME]):
                reason = np.int64(_TIME)
            if reason < 0:
                kinds |= 1 << histogram_kind(shape)
                sides = shape[_HISTOGRAM_POSITIVE] + shape[_HISTOGRAM_NEGATIVE]
                bound += attributes + 256 + 10 * sides + 16 * (shape[_HISTOGRAM_CUSTOM] + 1) + length
        else:
            _, time, n, faults, p = read_exemplar(data, p, p + length, version, symbols, count, labels)
            if p < 0:
                return p
            if reason < 0:
                reason = reason_of(faults, True, False)
            if reason < 0 and not in_time(time):
                reason = np.int64(_TIME)
            if reason < 0:
                exemplars += 1
                bound += 80
                for label in range(n):
                    bound += 24 + get64(labels, label * LABEL + 1) + get64(labels, label * LABEL + 3)
        tally(tallies, reason, item, 1)
    if exemplars and kinds == 0:
        kinds = np.int64(1 << FLOAT)
        bound += attributes + 72
    put64(row, KINDS, kinds)
    put64(tallies, BOUND, get64(tallies, BOUND) + bound)
    return np.int64(0)


@njit(nogil=True, cache=True, error_model="numpy")
def text_hash(data, version, row, column, seed):
    """A hash of a text; of 2.0's symbols, each of which stands in the data once, of where that is."""
    if version == 2:
        return (np.uint64(get64(row, column)) ^ seed ^ (seed >> np.uint64(29))) * _PRIME
    return xxh64_range(data, get64(row, column), get64(row, column + 1), seed)


@njit(nogil=True, cache=True, error_model="numpy")
def finish_row(data, version, row, tallies):
    """Hashes by which series are brought together, and what their metrics and resources add to the bound."""
    target = text_hash(data, version, row, INSTANCE, text_hash(data, version, row, JOB, np.uint64(1)))
    put64(row, TARGET_HASH, np.int64(target))
    metric = text_hash(data, version, row, NAME, np.uint64(get64(row, TYPE)))
    if version == 2:  # in 1.0 the name says all that is known
        metric = text_hash(data, version, row, UNIT, text_hash(data, version, row, HELP, metric))
    put64(row, METRIC_HASH, np.int64(metric))
    texts = get64(row, NAME_LEN) + get64(row, HELP_LEN) + get64(row, UNIT_LEN)
    texts += get64(row, JOB_LEN) + get64(row, INSTANCE_LEN) + 400
    kinds = get64(row, KINDS)
    while kinds:
        put64(tallies, BOUND, get64(tallies, BOUND) + (kinds & 1) * texts)
        kinds >>= 1


@njit(
    "int64(uint8[::1], int64, int64[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def count_fields(array, version, counts):
    """Count a request's symbols, series and metadata -> 0 or an ErrorCode."""
    data, p, end = address(array), np.int64(0), np.int64(len(array))
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if p < 0:
            return -p
        if wire == 2:
            if version == 2:
                counts[0] += number == 4
                counts[1] += number == 5
            else:
                counts[1] += number == 1
                counts[2] += number == 3
        p = skip_field(data, p, end, tag, 0)
        if p < 0:
            return -p
    return np.int64(0)


@njit("void(uint8[::1], int64[::1])", nogil=True, cache=True, error_model="numpy")
def read_symbols(array, symbols):
    """Slices of 2.0's symbols; a length of -1 marks one that is not UTF-8. The fields have been counted."""
    data, p, end, n = address(array), np.int64(0), np.int64(len(array)), 0
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if number == 4 and wire == 2:
            length, p = read_length(data, p, end)
            symbols[n] = p
            symbols[n + 1] = length if valid_utf8(data, p, p + length) else -1
            n += 2
            p += length
        else:
            p = skip_field(data, p, end, tag, 0)


@njit(
    "int64(uint8[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1], int64[:, ::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def read_series(array, version, symbols, rows, used, tallies, lists):
    """Read all series into rows; only those that make points keep theirs, used[0] of them -> 0 or an ErrorCode."""
    data, p, end = address(array), np.int64(0), np.int64(len(array))
    labels, others, hashes = (
        np.empty(MAX_LABELS * LABEL, np.int64),
        np.empty(MAX_LABELS * LABEL, np.int64),
        np.empty(MAX_LABELS, np.uint64),
    )
    places, shape = np.empty(64, np.int32), np.zeros(16, np.int64)
    at_symbols, count, at_tallies = address(symbols), np.int64(len(symbols) // 2), address(tallies)
    at_labels, at_others, n = address(labels), address(others), 0
    wanted = 5 if version == 2 else 1
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if number != wanted or wire != 2:
            p = skip_field(data, p, end, tag, 0)
            continue
        length, p = read_length(data, p, end)
        rows[n * ROW : (n + 1) * ROW] = 0
        row = address(rows) + 8 * n * ROW
        put64(row, START, p)
        put64(row, END, p + length)
        if length + 2 > len(places):
            places = np.empty(length + length // 2 + 2, np.int32)
        faults, items, after = walk_series(
            data, p, p + length, version, at_symbols, count, at_labels, row, address(places), True
        )
        if after < 0:
            return -after
        faults |= resolve(at_symbols, count, row, HELP) | resolve(at_symbols, count, row, UNIT)
        size = np.int64(0)
        repeated = False
        if faults == 0:
            size = place_labels(data, at_labels, get64(row, N_LABELS), row)
            repeated = label_fault(data, at_labels, get64(row, N_LABELS), hashes)
        bad = reason_of(faults, get64(row, NAME_LEN) > 0, repeated)
        code = check_items(
            data, version, at_symbols, count, row, places, items, size, at_others, shape, lists, bad, at_tallies
        )
        if code < 0:
            return -code
        if get64(row, KINDS) != 0:
            finish_row(data, version, row, at_tallies)
            n += 1
        p += length
    used[0] = n
    labels[0] = others[0] = 0  # these arrays, of which only the addresses were used, live until here
    return np.int64(0)


@njit("int64(uint8[::1], int64[::1])", nogil=True, cache=True, error_model="numpy")
def read_families(array, rows):
    """The MetricMetadata of a 1.0 request, METADATA_ROW words each -> how many, or minus an ErrorCode.

    One that is not UTF-8 is passed over."""
    data, p, end, n = address(array), np.int64(0), np.int64(len(array)), 0
    while p < end:
        number, wire, tag, p = next_field(data, p, end)
        if number != 3 or wire != 2:
            p = skip_field(data, p, end, tag, 0)
            continue
        length, p = read_length(data, p, end)
        stop = p + length
        rows[n : n + METADATA_ROW] = 0
        valid = True
        while p < stop:
            number, wire, tag, p = next_field(data, p, stop)
            if p < 0:
                return p
            if number == 1 and wire == 0:
                number64, p = read_varint(data, p, stop)
                rows[n] = np.int64(number64)
            elif wire == 2 and (number == 2 or number == 4 or number == 5):
                length, p = read_length(data, p, stop)
                if p < 0:
                    return p
                at = n + (1 if number == 2 else 2 * number - 5)
                rows[at], rows[at + 1] = p, length
                valid = valid and valid_utf8(data, p, p + length)
                p += length
            else:
                p = skip_field(data, p, stop, tag, 1)
            if p < 0:
                return p
        if valid:
            n += METADATA_ROW
    return np.int64(n // METADATA_ROW)
