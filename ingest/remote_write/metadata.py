"""Types, helps and units that 1.0 sends apart from the samples, remembered so that samples have them.

What is not remembered (after a start, or because another replica heard it) is an unknown type for a minute at most:
that is how often Prometheus repeats it. 2.0 needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from schema.remote_write.convert import Family
from schema.remote_write.layout import MetricType

MAX_FAMILIES = 50_000
"""Over all tenants. Who has more than an even share forgets its own, what it heard first; else the largest does."""
MAX_TEXT_BYTES = 1024
"""Of a help or a unit; what is longer is left out."""

_PARTS = {
    b"_total": (MetricType.COUNTER,),
    b"_bucket": (MetricType.HISTOGRAM, MetricType.GAUGEHISTOGRAM),
    b"_count": (MetricType.HISTOGRAM, MetricType.SUMMARY),
    b"_sum": (MetricType.HISTOGRAM, MetricType.SUMMARY),
    b"_info": (MetricType.INFO,),
}


class Metadata:
    """By tenant and family. Thread-safe."""

    def __init__(self) -> None:
        self._families: dict[str, dict[bytes, Family]] = {}
        self._count = 0
        self._lock = Lock()

    def hear(self, tenant: str, families: Iterable[Family]) -> None:
        """Remember."""
        with self._lock:
            for family in families:
                if len(family.name) + len(family.help) + len(family.unit) > MAX_TEXT_BYTES:
                    family = Family(family.name[:MAX_TEXT_BYTES], family.type)
                own = self._families.setdefault(tenant, {})
                self._count += own.pop(family.name, None) is None
                own[family.name] = family
                if self._count > MAX_FAMILIES:
                    self._forget_one(own)

    def family_of(self, tenant: str, metric: bytes) -> Family | None:
        """The family of a metric by its name: its own, or the one of which it is a part."""
        families = self._families.get(tenant, {})
        own = families.get(metric)
        if own is not None:
            return own
        for part, types in _PARTS.items():
            if metric.endswith(part):
                family = families.get(metric.removesuffix(part))
                return family if family is not None and family.type in types else None
        return None

    def _forget_one(self, own: dict[bytes, Family]) -> None:
        many = own if len(own) * len(self._families) > MAX_FAMILIES else max(self._families.values(), key=len)
        del many[next(iter(many))]
        self._count -= 1
