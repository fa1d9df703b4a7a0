"""What the remote-write kernels agree on: messages, columns of the series' rows, kinds of points, reasons.

Sources: Prometheus Remote-Write 1.0 and 2.0 and their messages (prompb/types.proto, prompb/remote.proto,
prompb/io/prometheus/write/v2/types.proto of prometheus/prometheus). Histogram is the same message in both.
"""

from __future__ import annotations

from enum import IntEnum


class Version(IntEnum):
    """Which message a body is."""

    V1 = 1
    V2 = 2


class MetricType(IntEnum):
    """Prometheus' metric types, numbered as in both versions' messages."""

    UNKNOWN = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGEHISTOGRAM = 4
    SUMMARY = 5
    INFO = 6
    STATESET = 7


class Item(IntEnum):
    """What a request is counted in."""

    SAMPLES = 0
    HISTOGRAMS = 1
    EXEMPLARS = 2


class Reason(IntEnum):
    """Why an item is not written while the rest of its request is."""

    NAME = 0
    LABELS = 1
    REFERENCE = 2
    UTF8 = 3
    TIME = 4
    HISTOGRAM = 5

    @property
    def text(self) -> str:
        """In words for the client; nothing of the data."""
        return _TEXT[self]


_TEXT = {
    Reason.NAME: "without a metric name",
    Reason.LABELS: "with a label that is repeated or has no name, or with more than 1024 labels",
    Reason.REFERENCE: "with a reference that the symbols do not have",
    Reason.UTF8: "with a label that is not valid UTF-8",
    Reason.TIME: "with a timestamp before 1970 or after 2262",
    Reason.HISTOGRAM: "that are no valid native histogram",
}

ITEMS, REASONS = len(Item), len(Reason)

MAX_LABELS = 1024
"""Labels of a series or an exemplar; more are refused."""
MAX_BUCKETS = 1 << 16
"""Buckets of a histogram's side, empty ones between its spans included; more are refused."""
MAX_MS = (2**63 - 1) // 1_000_000
"""Latest time that fits in nanoseconds of 63 bits: the year 2262."""
STALE = 0x7FF0000000000002
"""Prometheus' stale marker: the NaN of just these bits."""
CUSTOM_SCHEMA = -53
LEAST_SCHEMA, MOST_SCHEMA = -4, 8

ROW = 18
(
    START, END, NAME, NAME_LEN, JOB, JOB_LEN, INSTANCE, INSTANCE_LEN, TYPE, HELP, HELP_LEN, UNIT, UNIT_LEN, CREATED,
    KINDS, TARGET_HASH, METRIC_HASH, N_LABELS,
) = range(ROW)  # fmt: skip
"""Columns of a series' row, int64: where its body is in the data, slices of texts, type, created time (ms), the kinds
of points it makes (bits), hashes, how many labels."""

FLOAT, EXPONENTIAL, EXPONENTIAL_GAUGE, CUSTOM, CUSTOM_GAUGE = range(5)
"""Kinds of points: each (series, kind) is an entry, and becomes data points of one metric."""
KIND_COUNT = 5

METADATA_ROW = 7
"""Type, then slices of family, help and unit: a row of the metadata of 1.0."""

EXACT_FIELD = 15053
"""Field of an OTLP histogram point that keeps Prometheus' own message where OTLP cannot say the same (counts that are
no whole numbers). Readers of OTLP pass over it."""

TALLY = ITEMS + REASONS * ITEMS + 1
"""Numbers that reading fills: written by item, rejected by reason and item, and an upper bound of the result's size."""
BOUND = TALLY - 1
