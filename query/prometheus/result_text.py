"""What an expression came to, as JSON: the object with `resultType` and `result`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from query.prometheus.samples_text import rows_text
from schema.arrays import F64, I64, Mask

Labels = dict[str, str]


def scalar(time_ms: int, value: float) -> list[bytes]:
    """A number at a time."""
    one = np.array([0, 1], np.int64), np.array([time_ms], np.int64), np.array([value], np.float64)
    return _typed("scalar", list(rows_text(*one)))


def string(time_ms: int, text: str) -> list[bytes]:
    """A text at a time."""
    (point,) = rows_text(np.array([0, 1], np.int64), np.array([time_ms], np.int64), np.zeros(1))
    return _typed("string", [point[: point.index(b",") + 1], orjson.dumps(text), b"]"])


def vector(labels: Sequence[Labels], times: I64, values: F64) -> list[bytes]:
    """A point of each series."""
    offsets = np.arange(len(labels) + 1, dtype=np.int64)
    return _typed("vector", _series(labels, b',"value":', offsets, times, values, b"}"))


def matrix(labels: Sequence[Labels], offsets: I64, times: I64, values: F64) -> list[bytes]:
    """Points of each series, which stand at offsets[i]:offsets[i+1]; series without any are left out."""
    some = np.flatnonzero(np.diff(offsets))
    starts = np.concatenate((offsets[some], offsets[-1:]))
    return _typed("matrix", _series([labels[i] for i in some.tolist()], b',"values":[', starts, times, values, b"]}"))


def dense(labels: Sequence[Labels], steps_ms: I64, values: F64, present: Mask) -> list[bytes]:
    """A matrix of values[series, step], where they are present."""
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(present.sum(axis=1, dtype=np.int64))))
    times = np.broadcast_to(steps_ms, present.shape)[present]
    return matrix(labels, offsets, times, values[present])


def _series(
    labels: Sequence[Labels], before: bytes, offsets: I64, times: I64, values: F64, after: bytes
) -> list[bytes]:
    pieces: list[bytes] = []
    start = b'[{"metric":'
    for each, points in zip(labels, rows_text(offsets, times, values), strict=True):
        pieces += (start, orjson.dumps(each, option=orjson.OPT_SORT_KEYS), before, points, after)
        start = b',{"metric":'
    return [*pieces, b"]"] if pieces else [b"[]"]


def _typed(kind: str, result: list[bytes]) -> list[bytes]:
    return [f'{{"resultType":"{kind}","result":'.encode(), *result, b"}"]
