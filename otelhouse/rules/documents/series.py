"""`series`: how many series of metrics a tenant may have, and how pairs of Prometheus servers are told apart.

{"max_active": 1000000, "max_new_per_minute": 50000, "replicas": {"cluster_label": "cluster"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from otelhouse.rules.documents.model import Document, parse_model
from schema.prometheus_name import Strategy


class ReplicaLabels(Document):
    """Labels by which a cluster of Prometheus servers that scrape the same, and one of them, are known.

    One that was not heard for `failover_seconds` of log time gives way to another.
    """

    cluster_label: str = Field(default="cluster", min_length=1)
    replica_label: str = Field(default="__replica__", min_length=1)
    failover_seconds: int = Field(default=30, ge=1, le=3600)


class SeriesLimits(Document):
    """A tenant's whole document.

    `max_active`: series with a sample in this hour of log time or the one before it. `max_new_per_minute`: of those
    that were not active, in a minute of log time. Both are split evenly over the partitions of the log.
    `replicas`: only one server of each cluster is listened to. `translation_strategy`: how names that come by OTLP
    become Prometheus'.
    """

    max_active: int = Field(default=10_000_000, ge=0, le=1_000_000_000)
    max_new_per_minute: int = Field(default=1_000_000, ge=0, le=1_000_000_000)
    replicas: ReplicaLabels | None = None
    translation_strategy: Strategy = Strategy.UNDERSCORES_AND_SUFFIXES


def parse(document: Mapping[str, Any]) -> SeriesLimits:
    """Raises InvalidRule."""
    return parse_model(SeriesLimits, document)
