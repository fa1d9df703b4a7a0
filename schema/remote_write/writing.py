"""Kernels that write OTLP's ExportMetricsServiceRequest, from its end to its beginning.

So the length of a message is known when its header is written, and nothing is written twice. `out` is the address of
the result, `p` where the bytes written so far begin; each function returns the new beginning.
Field numbers: opentelemetry-proto, metrics.proto; mapping: docs/remote-write.md.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from schema.loads import address, get8, get64, load64, put8, store64
from schema.prometheus_name import EXACT_SCOPE
from schema.remote_write.histogram import (
    BOUNDS,
    COUNT,
    CUSTOM_SIZE,
    INEXACT,
    NEGATIVE_COUNTS,
    NEGATIVE_OFFSET,
    NEGATIVE_SIZE,
    POSITIVE_COUNTS,
    POSITIVE_OFFSET,
    POSITIVE_SIZE,
    SCHEMA,
    SUM,
    TIME,
    ZERO_COUNT,
    ZERO_THRESHOLD,
    histogram_kind,
    read_histogram,
)
from schema.remote_write.histogram import CREATED as SHAPE_CREATED
from schema.remote_write.histogram import RESET as SHAPE_RESET
from schema.remote_write.layout import (
    CREATED,
    CUSTOM,
    CUSTOM_GAUGE,
    END,
    EXACT_FIELD,
    EXPONENTIAL,
    FLOAT,
    HELP,
    HELP_LEN,
    INSTANCE,
    INSTANCE_LEN,
    JOB,
    JOB_LEN,
    KINDS,
    MAX_LABELS,
    MAX_MS,
    N_LABELS,
    NAME,
    NAME_LEN,
    ROW,
    STALE,
    START,
    TYPE,
    UNIT,
    UNIT_LEN,
    Item,
    MetricType,
)
from schema.remote_write.reading import (
    LABEL,
    equal,
    in_time,
    is_text,
    label_role,
    read_exemplar,
    read_sample,
    reason_of,
    walk_series,
    words,
)
from schema.wire.reading import read_length

_TEXTS = [b"service.namespace", b"service.name", b"service.instance.id", b"prometheus.type", EXACT_SCOPE.encode()]
_TYPES = [b"", b"counter", b"gauge", b"histogram", b"gaugehistogram", b"summary", b"info", b"stateset"]
TEXTS = np.frombuffer(bytearray(b"".join(_TEXTS + _TYPES)), np.uint8)
"""Texts that are written, one after another, each in its place."""
_PLACES = np.cumsum([0, *(len(text) for text in _TEXTS + _TYPES)]).tolist()
_NAMESPACE, _NAME_KEY, _INSTANCE_KEY, _TYPE_KEY, _SCOPE = ((_PLACES[i], len(text)) for i, text in enumerate(_TEXTS))
_TYPE_PLACES = np.array(_PLACES[len(_TEXTS) :], np.int64)

_COUNTER, _HISTOGRAM, _SUMMARY = int(MetricType.COUNTER), int(MetricType.HISTOGRAM), int(MetricType.SUMMARY)
_GAUGE_FIELD, _SUM_FIELD, _HISTOGRAM_FIELD, _EXPONENTIAL_FIELD = 5, 7, 9, 10
_BUCKET = words(b"_bucket")
_COUNT_SUFFIX = words(b"_count")
_SUM_SUFFIX = words(b"_sum")
_TRACE_ID = words(b"trace_id")
_SPAN_ID = words(b"span_id")
_GAUGE_RESET, _YES_RESET = 3, 1
_SAMPLE_ITEM, _HISTOGRAM_ITEM, _EXEMPLAR_ITEM = int(Item.SAMPLES), int(Item.HISTOGRAMS), int(Item.EXEMPLARS)
_STALE = np.uint64(STALE)
_NS = 1_000_000
_MONOTONIC, _LEVEL = 2, 1


@njit(nogil=True, cache=True, error_model="numpy")
def put_varint_before(out, p, value):
    """A varint of an uint64."""
    size = 1
    rest = value >> np.uint64(7)
    while rest:
        size += 1
        rest >>= np.uint64(7)
    p -= size
    for i in range(size - 1):
        put8(out, p + i, np.int64(value & np.uint64(0x7F)) | 0x80)
        value >>= np.uint64(7)
    put8(out, p + size - 1, np.int64(value))
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def put_header(out, p, tag, end):
    """The one-byte tag and the length of a message that fills out[p:end]."""
    size = end - p
    if size < 0x80:
        p -= 1
        put8(out, p, size)
    else:
        p = put_varint_before(out, p, np.uint64(size))
    put8(out, p - 1, tag)
    return p - 1


@njit(nogil=True, cache=True, error_model="numpy")
def put_bytes(out, p, data, off, size):
    """A copy of data[off:off+size]. May write up to 7 bytes before its place, where nothing is yet."""
    p -= size
    while size >= 8:
        size -= 8
        store64(out, p + size, load64(data, off + size))
    if size and off >= 8:
        store64(out, p + size - 8, load64(data, off + size - 8))
    else:
        for i in range(size):
            put8(out, p + i, get8(data, off + i))
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def put_text(out, p, tag, data, off, size):
    """A delimited field."""
    end = p
    return put_header(out, put_bytes(out, p, data, off, size), tag, end)


@njit(nogil=True, cache=True, error_model="numpy")
def put_fixed(out, p, tag, bits):
    """A fixed64 or double field."""
    store64(out, p - 8, bits)
    put8(out, p - 9, tag)
    return p - 9


@njit(nogil=True, cache=True, error_model="numpy")
def put_number(out, p, tag, value):
    """A varint field."""
    p = put_varint_before(out, p, np.uint64(value))
    put8(out, p - 1, tag)
    return p - 1


@njit(nogil=True, cache=True, error_model="numpy")
def put_attribute(out, p, tag, keys, key, key_len, data, value, value_len):
    """A KeyValue of a string; key and value may stand in different arrays."""
    end = p
    if key_len + value_len < 0x78:  # all lengths are one byte: the headers are two words
        p = put_bytes(out, p, data, value, value_len)
        store64(out, p - 8, np.uint64(0x12 | (value_len + 2) << 8 | 0x0A << 16 | value_len << 24) << np.uint64(32))
        p = put_bytes(out, p - 4, keys, key, key_len)
        size = key_len + value_len + 6
        store64(out, p - 8, np.uint64(tag | size << 8 | 0x0A << 16 | key_len << 24) << np.uint64(32))
        return p - 4
    p = put_text(out, p, 0x0A, data, value, value_len)
    p = put_header(out, p, 0x12, end)
    p = put_text(out, p, 0x0A, keys, key, key_len)
    return put_header(out, p, tag, end)


@njit(nogil=True, cache=True, error_model="numpy")
def put_labels(out, p, tag, data, labels, n):
    """Attributes of a point: all labels but those that stand elsewhere; an empty value is no label."""
    for i in range(n - 1, -1, -1):
        at = i * LABEL
        name, name_len, value_len = get64(labels, at), get64(labels, at + 1), get64(labels, at + 3)
        if value_len and label_role(data, name, name_len) == 0:
            p = put_attribute(out, p, tag, data, name, name_len, data, get64(labels, at + 2), value_len)
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def hex_digit(byte):
    """Value of a hexadecimal digit, or -1."""
    if 48 <= byte <= 57:
        return byte - 48
    byte |= 32
    return byte - 87 if 97 <= byte <= 102 else np.int64(-1)


@njit(nogil=True, cache=True, error_model="numpy")
def is_hex_id(data, off, length, size):
    """Whether a text is the hexadecimal form of `size` bytes that are not all zero."""
    if length != 2 * size:
        return False
    some = np.int64(0)
    for i in range(length):
        digit = hex_digit(get8(data, off + i))
        if digit < 0:
            return False
        some |= digit
    return some != 0


@njit(nogil=True, cache=True, error_model="numpy")
def id_size(data, labels, at):
    """Bytes of the id that an exemplar's label holds: 16 a trace's, 8 a span's, 0 for any other label."""
    name, name_len = get64(labels, at), get64(labels, at + 1)
    value, value_len = get64(labels, at + 2), get64(labels, at + 3)
    if is_text(data, name, name_len, *_TRACE_ID) and is_hex_id(data, value, value_len, 16):
        return 16
    if is_text(data, name, name_len, *_SPAN_ID) and is_hex_id(data, value, value_len, 8):
        return 8
    return 0


@njit(nogil=True, cache=True, error_model="numpy")
def put_exemplar(out, p, tag, data, labels, n, value, nanos):
    """An Exemplar."""
    end = p
    for i in range(n - 1, -1, -1):
        at = i * LABEL
        size = id_size(data, labels, at)
        off = get64(labels, at + 2)
        if size:
            p -= size
            for j in range(size):
                put8(out, p + j, hex_digit(get8(data, off + 2 * j)) << 4 | hex_digit(get8(data, off + 2 * j + 1)))
            put8(out, p - 1, size)
            put8(out, p - 2, 0x2A if size == 16 else 0x22)
            p -= 2
        else:
            p = put_attribute(
                out, p, 0x3A, data, get64(labels, at), get64(labels, at + 1), data, off, get64(labels, at + 3)
            )
    p = put_fixed(out, p, 0x19, value)
    if nanos:
        p = put_fixed(out, p, 0x11, np.uint64(nanos))
    return put_header(out, p, tag, end)


@njit(nogil=True, cache=True, error_model="numpy")
def put_exemplars(out, p, tag, data, version, symbols, count, row, places, items, labels, nanos):
    """A series' valid exemplars -> (beginning, latest time of them in ns). `nanos`: time of one that has none."""
    latest = np.int64(0)
    for i in range(items - 1, -1, -1):
        if places[2 * i] != _EXEMPLAR_ITEM:
            continue
        length, at = read_length(data, np.int64(places[2 * i + 1]), get64(row, END))
        value, time, n, faults, _ = read_exemplar(data, at, at + length, version, symbols, count, labels)
        if reason_of(faults, True, False) < 0 and in_time(time):
            p = put_exemplar(out, p, tag, data, labels, n, value, time * _NS if time else nanos)
            latest = max(latest, time * _NS)
    return p, latest


@njit(nogil=True, cache=True, error_model="numpy")
def put_times(out, p, nanos, start_ms):
    """time_unix_nano, and start_time_unix_nano where it is known; their tags are the same in all points."""
    p = put_fixed(out, p, 0x19, np.uint64(nanos))
    if 0 < start_ms <= MAX_MS:
        p = put_fixed(out, p, 0x11, np.uint64(start_ms * _NS))
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def ends_with(data, row, low, high, size):
    """Whether a series' metric name ends with a text (of words())."""
    name, length = get64(row, NAME), get64(row, NAME_LEN)
    return length > size and is_text(data, name + length - size, size, low, high, size)


@njit(nogil=True, cache=True, error_model="numpy")
def sum_kind(data, row):
    """What the floats of a series are: _MONOTONIC sums (counters), _LEVEL sums, or 0: gauges and all unknown."""
    kind = get64(row, TYPE)
    if kind == _COUNTER:
        return _MONOTONIC
    if kind in (_HISTOGRAM, _SUMMARY):
        if ends_with(data, row, *_COUNT_SUFFIX) or ends_with(data, row, *_BUCKET):
            return _MONOTONIC
        if ends_with(data, row, *_SUM_SUFFIX):
            return _LEVEL
    return 0


@njit(nogil=True, cache=True, error_model="numpy")
def put_float_points(out, p, data, version, symbols, count, row, places, items, labels, others, is_sum):
    """NumberDataPoints of a series: its valid samples; one without a value if it has only exemplars."""
    attributes = written = np.int64(0)
    begin = p
    for i in range(items - 1, -1, -1):
        if places[2 * i] != _SAMPLE_ITEM:
            continue
        length, at = read_length(data, np.int64(places[2 * i + 1]), get64(row, END))
        value, time, start, _ = read_sample(data, at, at + length)
        if not in_time(time):
            continue
        end = p
        if value == _STALE:
            p = put_number(out, p, 0x40, 1)
        if attributes == 0:
            stop = p
            p = put_labels(out, p, 0x3A, data, labels, get64(row, N_LABELS))
            attributes, written = p, stop - p
        else:
            p = put_bytes(out, p, out, attributes, written)
        if end == begin:
            p, _ = put_exemplars(out, p, 0x2A, data, version, symbols, count, row, places, items, others, time * _NS)
        if value != _STALE:
            p = put_fixed(out, p, 0x21, value)
        if start == 0:
            start = get64(row, CREATED)
        p = put_times(out, p, time * _NS, start if is_sum else np.int64(0))
        p = put_header(out, p, 0x0A, end)
    if p == begin:
        end = p
        p = put_labels(out, p, 0x3A, data, labels, get64(row, N_LABELS))
        p, latest = put_exemplars(out, p, 0x2A, data, version, symbols, count, row, places, items, others, np.int64(0))
        p = put_times(out, p, latest, np.int64(0))
        p = put_header(out, p, 0x0A, end)
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def put_side(out, p, tag, shape, lists, size, offset, counts):
    """Buckets of an exponential histogram's side. Prometheus numbers a bucket by its upper bound, OTLP by its lower."""
    if size == 0:
        return p
    end = p
    for i in range(size - 1, -1, -1):
        p = put_varint_before(out, p, np.uint64(lists[counts, i]))
    p = put_header(out, p, 0x12, end)
    index = offset - 1
    p = put_number(out, p, 0x08, ((index << 1) ^ (index >> 63)) & 0xFFFFFFFF)
    return put_header(out, p, tag, end)


@njit(nogil=True, cache=True, error_model="numpy")
def put_explicit(out, p, shape, lists):
    """Bounds and counts of a histogram with custom buckets; those that its spans leave out are empty."""
    bounds = shape[CUSTOM_SIZE]
    end = p
    for i in range(bounds - 1, -1, -1):
        p -= 8
        store64(out, p, np.uint64(lists[BOUNDS, i]))
    if bounds:
        p = put_header(out, p, 0x3A, end)
    end = p
    for i in range(bounds, -1, -1):
        p -= 8
        store64(out, p, np.uint64(lists[POSITIVE_COUNTS, i] if i < shape[POSITIVE_SIZE] else 0))
    return put_header(out, p, 0x32, end)


@njit(nogil=True, cache=True, error_model="numpy")
def put_exact(out, p, data, at, length):
    """Prometheus' own message under a field number that OTLP does not have."""
    end = p
    p = put_bytes(out, p, data, at, length)
    p = put_varint_before(out, p, np.uint64(end - p))
    return put_varint_before(out, p, np.uint64(EXACT_FIELD << 3 | 2))


@njit(nogil=True, cache=True, error_model="numpy")
def put_histogram_points(out, p, data, version, symbols, count, row, places, items, labels, others, kind, shape, lists):
    """Points of those of a series' histograms that are of this kind."""
    custom = kind in (CUSTOM, CUSTOM_GAUGE)
    with_exemplars = get64(row, KINDS) & ((1 << kind) - 1) == 0
    begin = p
    for i in range(items - 1, -1, -1):
        if places[2 * i] != _HISTOGRAM_ITEM:
            continue
        length, at = read_length(data, np.int64(places[2 * i + 1]), get64(row, END))
        _, valid = read_histogram(data, at, at + length, shape, lists)
        if not valid or not in_time(shape[TIME]) or histogram_kind(shape) != kind:
            continue
        end = p
        nanos = shape[TIME] * _NS
        stale = np.uint64(shape[SUM]) == _STALE
        if shape[INEXACT]:
            p = put_exact(out, p, data, at, length)
        if shape[ZERO_THRESHOLD] and not custom:
            p = put_fixed(out, p, 0x71, np.uint64(shape[ZERO_THRESHOLD]))
        if end == begin and with_exemplars:
            tag = 0x42 if custom else 0x5A
            p, _ = put_exemplars(out, p, tag, data, version, symbols, count, row, places, items, others, nanos)
        if stale:
            p = put_number(out, p, 0x50, 1)
        if custom:
            p = put_labels(out, p, 0x4A, data, labels, get64(row, N_LABELS))
            if not stale:
                p = put_explicit(out, p, shape, lists)
        elif not stale:
            p = put_side(out, p, 0x4A, shape, lists, shape[NEGATIVE_SIZE], shape[NEGATIVE_OFFSET], NEGATIVE_COUNTS)
            p = put_side(out, p, 0x42, shape, lists, shape[POSITIVE_SIZE], shape[POSITIVE_OFFSET], POSITIVE_COUNTS)
            p = put_fixed(out, p, 0x39, np.uint64(shape[ZERO_COUNT]))
            schema = shape[SCHEMA]
            p = put_number(out, p, 0x30, ((schema << 1) ^ (schema >> 63)) & 0xFFFFFFFF)
        p = put_fixed(out, p, 0x29, np.uint64(0) if stale else np.uint64(shape[SUM]))
        p = put_fixed(out, p, 0x21, np.uint64(shape[COUNT]))
        start = shape[SHAPE_CREATED] if shape[SHAPE_CREATED] else get64(row, CREATED)
        if start == 0 and shape[SHAPE_RESET] == _YES_RESET:
            start = shape[TIME]
        p = put_times(out, p, nanos, start)
        if not custom:
            p = put_labels(out, p, 0x0A, data, labels, get64(row, N_LABELS))
        p = put_header(out, p, 0x0A, end)
    return p


@njit(nogil=True, cache=True, error_model="numpy")
def put_metric(out, p, data, row, kind, is_sum, end):
    """The metric around its points, which fill out[p:end] but for the fields behind them."""
    if kind == FLOAT:
        field = _SUM_FIELD if is_sum else _GAUGE_FIELD
    else:
        field = _HISTOGRAM_FIELD if kind in (CUSTOM, CUSTOM_GAUGE) else _EXPONENTIAL_FIELD
    p = put_header(out, p, field << 3 | 2, end)
    if get64(row, UNIT_LEN):
        p = put_text(out, p, 0x1A, data, get64(row, UNIT), get64(row, UNIT_LEN))
    if get64(row, HELP_LEN):
        p = put_text(out, p, 0x12, data, get64(row, HELP), get64(row, HELP_LEN))
    return put_text(out, p, 0x0A, data, get64(row, NAME), get64(row, NAME_LEN))


@njit(nogil=True, cache=True, error_model="numpy")
def put_resource(out, p, data, texts, row):
    """The Resource of a target: job as service.namespace and service.name, instance as service.instance.id."""
    end = p
    job, job_len = get64(row, JOB), get64(row, JOB_LEN)
    if get64(row, INSTANCE_LEN):
        p = put_attribute(
            out,
            p,
            0x0A,
            texts,
            _INSTANCE_KEY[0],
            _INSTANCE_KEY[1],
            data,
            get64(row, INSTANCE),
            get64(row, INSTANCE_LEN),
        )
    slash = np.int64(0)
    while slash < job_len and get8(data, job + slash) != 47:
        slash += 1
    # The parts must make the same job again, which an empty one would not.
    parted = 0 < slash < job_len - 1
    if job_len:
        skipped = slash + 1 if parted else np.int64(0)
        p = put_attribute(out, p, 0x0A, texts, _NAME_KEY[0], _NAME_KEY[1], data, job + skipped, job_len - skipped)
    if parted:
        p = put_attribute(out, p, 0x0A, texts, _NAMESPACE[0], _NAMESPACE[1], data, job, slash)
    return put_header(out, p, 0x0A, end)


@njit(nogil=True, cache=True, error_model="numpy")
def same(data, a, b, column):
    """Whether two rows have the same text in a column."""
    return equal(data, get64(a, column), get64(a, column + 1), get64(b, column), get64(b, column + 1))


@njit(nogil=True, cache=True, error_model="numpy")
def same_metric(data, a, b):
    """Whether two rows' points of one kind belong to one metric."""
    same_type = get64(a, TYPE) == get64(b, TYPE)
    return same_type and same(data, a, b, NAME) and same(data, a, b, HELP) and same(data, a, b, UNIT)


@njit(
    "int64(uint8[::1], uint8[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1], int64[:, ::1], uint8[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def write_request(array, constants, version, symbols, rows, entry_row, entry_kind, lists, result):
    """Write the entries, which stand by target and by metric, in their order -> where the request begins in `result`.

    `result` has the room that reading found to be enough."""
    data, texts, out = address(array), address(constants), address(result)
    labels, others = np.empty(MAX_LABELS * LABEL, np.int64), np.empty(MAX_LABELS * LABEL, np.int64)
    at_labels, at_others, at_symbols, count = address(labels), address(others), address(symbols), len(symbols) // 2
    places, shape, spare = np.empty(64, np.int32), np.zeros(16, np.int64), np.zeros(ROW, np.int64)
    p = np.int64(len(result))
    resource_end = scope_end = metric_end = data_end = p
    for entry in range(len(entry_row) - 1, -1, -1):
        row, kind = address(rows) + 8 * ROW * entry_row[entry], entry_kind[entry]
        is_sum = kind == FLOAT and sum_kind(data, row) != 0
        if metric_end == p:  # a metric begins, at its end
            type_ = get64(row, TYPE)
            if 0 < type_ < len(_TYPE_PLACES) - 1:
                size = _TYPE_PLACES[type_ + 1] - _TYPE_PLACES[type_]
                p = put_attribute(out, p, 0x62, texts, _TYPE_KEY[0], _TYPE_KEY[1], texts, _TYPE_PLACES[type_], size)
            data_end = p
            if is_sum and sum_kind(data, row) == _MONOTONIC:
                p = put_number(out, p, 0x18, 1)
            if is_sum or kind in (EXPONENTIAL, CUSTOM):
                p = put_number(out, p, 0x10, 2)
        start, stop = get64(row, START), get64(row, END)
        if stop - start + 2 > len(places):
            places = np.empty(2 * (stop - start) + 2, np.int32)
        # The row may know more than the message, such as 1.0's metadata: what a walk finds goes elsewhere.
        _, items, _ = walk_series(
            data, start, stop, version, at_symbols, count, at_labels, address(spare), address(places), False
        )
        if kind == FLOAT:
            p = put_float_points(
                out, p, data, version, at_symbols, count, row, places, items, at_labels, at_others, is_sum
            )
        else:
            p = put_histogram_points(
                out, p, data, version, at_symbols, count, row, places, items, at_labels, at_others, kind, shape, lists
            )
        before = address(rows) + 8 * ROW * entry_row[entry - 1] if entry else row
        new_target = entry == 0 or not (same(data, row, before, JOB) and same(data, row, before, INSTANCE))
        if not new_target and entry_kind[entry - 1] == kind and same_metric(data, row, before):
            continue
        p = put_metric(out, p, data, row, kind, is_sum, data_end)
        p = put_header(out, p, 0x12, metric_end)
        metric_end = p
        if new_target:
            end = p
            p = put_text(out, p, 0x0A, texts, _SCOPE[0], _SCOPE[1])
            p = put_header(out, p, 0x0A, end)
            p = put_header(out, p, 0x12, scope_end)
            p = put_resource(out, p, data, texts, row)
            p = put_header(out, p, 0x0A, resource_end)
            resource_end = scope_end = metric_end = p
    labels[0] = others[0] = spare[0] = 0  # these arrays, of which only the addresses were used, live until here
    return p
