"""Results as Prometheus' API gives them, and what two of them differ in."""

from __future__ import annotations

import math
from typing import Any

from otelhouse.promql.engine import Result
from otelhouse.promql.settings import Steps
from otelhouse.promql.tree import Type

Rows = dict[tuple[tuple[str, str], ...], dict[float, float]]
"""Labels -> time in seconds -> value."""
RELATIVE = 1e-9


def rows_of(result: Result, at: Steps) -> Rows:
    """Of one of ours."""
    if result.samples is not None:
        ragged = result.samples
        return {
            key(labels): {
                ragged.times[i] / 1000: float(ragged.values[i])
                for i in range(int(ragged.offsets[row]), int(ragged.offsets[row + 1]))
            }
            for row, labels in enumerate(result.labels)
        }
    times = (at.times / 1000).tolist()
    return {
        key(labels): {times[k]: float(result.values[row, k]) for k in range(len(times)) if result.present[row, k]}
        for row, labels in enumerate(result.labels)
    }


def rows_of_api(data: dict[str, Any]) -> Rows:
    """Of the API's `data`."""
    if data["resultType"] == "scalar":
        return {(): {data["result"][0]: float(data["result"][1])}}
    return {
        key(each["metric"]): {time: float(value) for time, value in each.get("values") or [each["value"]]}
        for each in data["result"]
    }


def difference(wanted: Rows, found: Rows) -> str:
    """The first; empty if there is none."""
    if wanted.keys() != found.keys():
        return (
            f"missing {sorted(wanted.keys() - found.keys())[:3]}, too many {sorted(found.keys() - wanted.keys())[:3]}"
        )
    for labels, points in wanted.items():
        if points.keys() != found[labels].keys():
            apart = sorted(points.keys() ^ found[labels].keys())
            return f"{labels}: points {apart[:3]} ({len(points)} wanted, {len(found[labels])} found)"
        for time, value in points.items():
            if not close(value, found[labels][time]):
                return f"{labels} at {time}: {value} wanted, {found[labels][time]} found"
    return ""


def close(wanted: float, found: float) -> bool:
    if math.isnan(wanted) or math.isnan(found):
        return math.isnan(wanted) and math.isnan(found)
    return wanted == found or abs(wanted - found) <= RELATIVE * max(abs(wanted), abs(found))


def key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def type_name(result: Result, at: Steps) -> str:
    """What the API calls it: a range query's answer is a matrix."""
    return Type.MATRIX.value if not at.instant else result.type.value
