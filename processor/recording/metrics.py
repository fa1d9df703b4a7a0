"""What recording rules say of themselves on /metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import Counter

_RULE = ("tenant", "record")
POINTS = Counter("otelhouse_processor_recording_points", "Parts of points that a rule has handed out.", _RULE)
SECONDS = Counter("otelhouse_processor_recording_seconds", "Time that the evaluation of a rule has taken.", _RULE)
LATE = Counter(
    "otelhouse_processor_recording_late_samples",
    "Samples that came after a point that they belong to was evaluated.",
    _RULE,
)
PASSED_OVER = Counter(
    "otelhouse_processor_recording_samples_passed_over",
    "Samples that no rule looked at: too far ahead of log time, or of too many series of their metric.",
    ("tenant", "metric"),
)


class Spent(NamedTuple):
    """By a rule in a window."""

    tenant: str
    record: str
    points: int
    seconds: float
    late: int


def show(spent: Iterable[Spent]) -> None:
    """Count it."""
    for each in spent:
        rule = each.tenant, each.record
        POINTS.labels(*rule).inc(each.points)
        SECONDS.labels(*rule).inc(each.seconds)
        LATE.labels(*rule).inc(each.late)
