"""What recording rules say of themselves on /metrics."""

from __future__ import annotations

from prometheus_client import Counter

POINTS = Counter("otelhouse_processor_recorded_points", "Points of recording rules that were handed out.", ("tenant",))
PASSED_OVER = Counter(
    "otelhouse_processor_recording_samples_passed_over",
    "Samples that recording rules did not look at: too far ahead of log time, or of too many series.",
)
