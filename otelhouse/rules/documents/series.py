"""`series`: how many series of metrics a tenant may have.

{"max_active": 1000000, "max_new_per_minute": 50000}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from otelhouse.rules.documents.model import Document, parse_model


class SeriesLimits(Document):
    """A tenant's whole document.

    `max_active`: series with a sample in this hour of log time or the one before it. `max_new_per_minute`: of those
    that were not active, in a minute of log time. Both are split evenly over the partitions of the log.
    """

    max_active: int = Field(default=10_000_000, ge=0, le=1_000_000_000)
    max_new_per_minute: int = Field(default=1_000_000, ge=0, le=1_000_000_000)


def parse(document: Mapping[str, Any]) -> SeriesLimits:
    """Raises InvalidRule."""
    return parse_model(SeriesLimits, document)
