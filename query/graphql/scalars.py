"""Custom scalars of the SDL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from query import timestamps

DateTime = NewType("DateTime", int)
"""Nanoseconds since the epoch inside, RFC 3339 outside."""

JSON = NewType("JSON", object)
"""Any JSON value, as it is."""

SampleValue = NewType("SampleValue", float)
"""Of a metric's sample."""


def _parse_time(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("a DateTime is a string in RFC 3339, such as 2026-01-31T23:59:59.123456789Z")
    return timestamps.parse(value)


def _sample(value: float) -> float | str:
    """JSON knows no others but finite numbers."""
    return value if math.isfinite(value) else sample_text(value)


def sample_text(value: float) -> str:
    """What is not finite, by Prometheus' names."""
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _as_it_is(value: Any) -> Any:
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339, up to nanoseconds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=timestamps.render,
        parse_value=_parse_time,
    ),
    SampleValue: strawberry.scalar(
        name="SampleValue",
        description='A number, or "NaN", "+Inf", "-Inf".',
        serialize=_sample,
        parse_value=_as_it_is,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Attributes as a map; OTLP values as JSON.",
        serialize=_as_it_is,
        parse_value=_as_it_is,
    ),
}
