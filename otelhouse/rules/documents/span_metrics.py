"""`span_metrics`: what is measured of a tenant's spans, before any is sampled.

{"dimensions": ["http.route"], "max_series": 20000, "service_graph": false}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from otelhouse.rules.documents.model import Document, parse_model
from otelhouse.rules.documents.reading import LONGEST_TEXT

_Key = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class SpanMetrics(Document):
    """A tenant's whole document.

    `red`: whether requests, errors and durations are measured; by the values of the attributes `dimensions`, too, in at
    most `max_series` series on a day of log time in a partition. `service_graph`: whether it is told who asks whom.
    """

    dimensions: tuple[_Key, ...] = Field(default=(), max_length=8)
    max_series: int = Field(default=10_000, ge=0, le=100_000)
    service_graph: bool = True
    red: bool = True

    @field_validator("dimensions")
    @classmethod
    def _different(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        if twice is not None:
            raise ValueError(f"'{twice}' is there twice")
        return keys


def parse(document: Mapping[str, Any]) -> SpanMetrics:
    """Raises InvalidRule."""
    return parse_model(SpanMetrics, document)
