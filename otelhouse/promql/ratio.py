"""limit_ratio: a part of the series, chosen by the hash of their labels, so that it is always the same one."""

from __future__ import annotations

import numpy as np

from otelhouse.promql.values import Labels, Vector
from schema.arrays import F64
from schema.hash import xxh64_slices

_MOST = float((1 << 64) - 1)


def in_ratio(vector: Vector, ratio: F64) -> Vector:
    """Below ratio[k] at step k; a negative ratio chooses the rest of what 1 + ratio[k] would have left out."""
    at = _places(vector.labels)[:, None]
    chosen = np.where(ratio >= 0, at < ratio, at >= 1 + ratio)
    return Vector(vector.labels, vector.values, vector.present & chosen).thinned()


def _places(series: list[Labels]) -> F64:
    """float64[series], 0 to 1: Prometheus' hash of sorted labels, each text after its length."""
    texts = [b"".join(_sized(name) + _sized(value) for name, value in sorted(each.items())) for each in series]
    lengths = np.array([len(each) for each in texts], np.int64)
    data = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
    return xxh64_slices(data, np.cumsum(lengths) - lengths, lengths) / _MOST


def _sized(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 255:
        return bytes((len(raw),)) + raw
    return b"\xff" + len(raw).to_bytes(3, "little") + raw
