"""What a script expects, against what was answered."""

from __future__ import annotations

from otelhouse.promql.numbers import general
from tests.otelhouse.promql.differential.answers import Rows, close
from tests.otelhouse.promql.script import Case, written


def lines(rows: Rows, case: Case) -> list[str]:
    """An answer as a script writes it: rows in their order, values by step, a range vector's as value@seconds."""
    times = [each / 1000 for each in case.steps.times.tolist()]
    found = []
    for labels, points in rows.items():
        if set(points) <= set(times):
            texts = [general(points[each]) if each in points else "_" for each in times]
        else:
            texts = [f"{general(value)}@{general(time - times[0])}" for time, value in points.items()]
        found.append(f"{written(dict(labels))} {' '.join(texts)}")
    return found if case.query.startswith(("sort", "topk", "bottomk")) else sorted(found)


def same(expected: list[str], found: list[str]) -> bool:
    """Numbers may differ by what rounding does."""
    return len(expected) == len(found) and all(map(_same_line, expected, found))


def _same_line(expected: str, found: str) -> bool:
    if expected == found:
        return True
    (head, values), (other_head, other_values) = _parts(expected), _parts(found)
    return head == other_head and len(values) == len(other_values) and all(map(_same_value, values, other_values))


def _parts(line: str) -> tuple[str, list[str]]:
    head, _, values = line.rpartition("} ") if "} " in line else line.partition(" ")
    return head, values.split(" ")


def _same_value(expected: str, found: str) -> bool:
    if "_" in (expected, found) or "@" in expected:
        return expected == found
    return close(float(expected), float(found))
