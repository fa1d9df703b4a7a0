"""sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant query's answer."""

from __future__ import annotations

import functools
import re

import numpy as np

from otelhouse.promql.values import Labels, Vector

_CHUNKS = re.compile(r"\d+|\D+")


def by_value(vector: Vector, descending: bool) -> Vector:
    """NaN comes last."""
    keys = vector.values[:, 0] * (-1 if descending else 1)
    return vector.rows(np.lexsort((keys, np.isnan(keys))))


def by_label(vector: Vector, names: list[str], descending: bool) -> Vector:
    """By these labels' values, then by all; numbers in them count as numbers."""

    def compare(left: int, right: int) -> int:
        one, other = vector.labels[left], vector.labels[right]
        for name in names:
            if (found := _natural(one.get(name, ""), other.get(name, ""))) != 0:
                return found
        return -1 if _all(one) < _all(other) else 1

    rows = sorted(range(len(vector.labels)), key=functools.cmp_to_key(compare), reverse=descending)
    return vector.rows(np.array(rows, np.int64))


def _all(labels: Labels) -> list[tuple[str, str]]:
    return sorted(labels.items())


def _natural(left: str, right: str) -> int:
    if left == right:
        return 0
    one, other = _CHUNKS.findall(left), _CHUNKS.findall(right)
    for a, b in zip(one, other, strict=False):
        if a == b:
            continue
        if a.isdigit() and b.isdigit() and int(a) != int(b):
            return -1 if int(a) < int(b) else 1
        return -1 if a < b else 1
    return -1 if len(one) < len(other) else 1
