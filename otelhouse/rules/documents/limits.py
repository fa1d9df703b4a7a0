"""`limits`: how much of each signal a tenant may send, over all replicas of ingest together.

    {"traces": {"bytes_per_second": 5e6, "items_per_second": 20000, "burst_seconds": 10, "concurrent_requests": 64},
     "metrics": {"max_labels": 60, "max_label_value_bytes": 500},
     "logs": {"items_per_second": null}}

Items are spans, data points and log records. What is not named is as the operator set it for all tenants
(`ingest.limit_...`); `null` is no limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from otelhouse.rules.documents.model import Document, parse_model
from schema.signal import Signal

_Rate = Annotated[float, Field(gt=0, le=1e15)]

DEFAULT_BURST_SECONDS = 10.0


class SignalDocument(Document):
    """What a tenant's document says of one signal; None: no limit."""

    bytes_per_second: _Rate | None = None
    items_per_second: _Rate | None = None
    burst_seconds: float = Field(default=DEFAULT_BURST_SECONDS, ge=0.1, le=3600)
    concurrent_requests: int | None = Field(default=None, ge=1, le=1_000_000)


class MetricsDocument(SignalDocument):
    """What it says of metrics: attributes of a data point, and bytes of the value of one, too."""

    max_labels: int = Field(default=1024, ge=1, le=100_000)
    max_label_value_bytes: int = Field(default=2048, ge=1, le=1 << 20)


class LimitsDocument(Document):
    """A tenant's whole document."""

    traces: SignalDocument = SignalDocument()
    metrics: MetricsDocument = MetricsDocument()
    logs: SignalDocument = SignalDocument()


@dataclass(frozen=True, slots=True)
class SignalLimits:
    """Limits in force for one signal of a tenant; infinite: none.

    A bucket holds what `burst_seconds` of its rate make. Bytes are those of protobuf, after decompression.
    """

    bytes_per_second: float = math.inf
    items_per_second: float = math.inf
    burst_seconds: float = DEFAULT_BURST_SECONDS
    concurrent_requests: float = math.inf

    def is_unlimited(self) -> bool:
        """Whether nothing can ever be refused."""
        return self.bytes_per_second == self.items_per_second == self.concurrent_requests == math.inf


def parse(document: Mapping[str, Any]) -> LimitsDocument:
    """Raises InvalidRule."""
    return parse_model(LimitsDocument, document)


def in_force(document: LimitsDocument, signal: Signal, defaults: SignalLimits) -> SignalLimits:
    """The tenant's limits of a signal: what the document names, and else the operator's."""
    said: SignalDocument = getattr(document, signal.name.lower())

    def value(name: str) -> float:
        if name not in said.model_fields_set:
            default: float = getattr(defaults, name)
            return default
        limit: float | None = getattr(said, name)
        return math.inf if limit is None else limit

    return SignalLimits(
        bytes_per_second=value("bytes_per_second"),
        items_per_second=value("items_per_second"),
        burst_seconds=value("burst_seconds"),
        concurrent_requests=value("concurrent_requests"),
    )
