"""`retention`: the class (0 to 7) under which each signal of a tenant is kept; see the tiers of the operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from otelhouse.rules.documents.model import Document, parse_model


class Retention(Document):
    """Classes by signal; 0 where nothing is said."""

    traces: int = Field(default=0, ge=0, le=7)
    metrics: int = Field(default=0, ge=0, le=7)
    logs: int = Field(default=0, ge=0, le=7)


def parse(document: Mapping[str, Any]) -> Retention:
    """Raises InvalidRule."""
    return parse_model(Retention, document)
