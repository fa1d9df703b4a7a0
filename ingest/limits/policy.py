"""From a tenant's rule to the limits in force."""

from __future__ import annotations

import math

from ingest.limits.limiter import Limits
from otelhouse.config import IngestSettings
from otelhouse.rules.documents import limits
from otelhouse.rules.documents.limits import SignalLimits, in_force
from otelhouse.rules.rule import Rule
from schema.signal import Signal


def default_limits(settings: IngestSettings) -> SignalLimits:
    """What the operator set for every tenant; 0 is no limit."""
    return SignalLimits(
        settings.limit_bytes_per_second or math.inf,
        settings.limit_items_per_second or math.inf,
        settings.limit_burst_seconds,
        settings.limit_concurrent_requests or math.inf,
    )


class CompileLimits:
    """(rule or None, tenant) -> its limits by signal."""

    def __init__(self, defaults: SignalLimits) -> None:
        self._defaults = defaults

    def __call__(self, rule: Rule | None, _: str) -> Limits:
        """Raises InvalidRule."""
        document = limits.parse(rule.document if rule else {})
        traces, metrics, logs = (in_force(document, signal, self._defaults) for signal in Signal)
        return _or_none(traces), _or_none(metrics), _or_none(logs)


def _or_none(limits: SignalLimits) -> SignalLimits | None:
    return None if limits.is_unlimited() else limits
