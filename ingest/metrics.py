"""What ingest says of itself on /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from otelhouse.accounts import Count, Outcome
from schema.signal import Signal

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

requests = Counter(
    "otelhouse_ingest_requests",
    "Export calls answered, by protocol, signal and answer.",
    ["protocol", "signal", "code"],
)
_ACCOUNT = ["tenant", "signal", "outcome", "cause"]
account_items = Counter(
    "otelhouse_ingest_items",
    "Spans, data points and log records; received = published + rejected + limited + dropped + failed.",
    _ACCOUNT,
)
account_calls = Counter("otelhouse_ingest_calls", "Calls received, and calls refused as a whole.", _ACCOUNT)
account_bytes = Counter("otelhouse_ingest_bytes", "Bytes of calls received, and of those refused as a whole.", _ACCOUNT)
failed_batches = Counter(
    "otelhouse_ingest_failed_batches", "Batches of which the log did not take all records.", ["signal"]
)
in_flight_bytes = Gauge("otelhouse_ingest_in_flight_bytes", "Bytes of clients' data held in memory.")
batch_calls = Histogram(
    "otelhouse_ingest_batch_calls", "Calls that were committed together.", ["signal"], buckets=_COUNTS
)
prepare_seconds = Histogram(
    "otelhouse_ingest_prepare_seconds", "Seconds that a batch took from scan to split.", ["signal"], buckets=_FAST
)
publish_seconds = Histogram(
    "otelhouse_ingest_publish_seconds", "Seconds until the log had a batch's records.", ["signal"], buckets=_FAST
)


control_items = Counter(
    "otelhouse_ingest_control_items",
    "Items that a control rule dropped, routed or changed.",
    ["tenant", "rule"],
)


degrade_level = Gauge("otelhouse_ingest_degrade_level", "How far ingest goes in shedding load: 0 not at all, 6 most.")
degrade_used = Gauge(
    "otelhouse_ingest_degrade_used", "Part that is used of the queue, of memory and of the CPU.", ["source"]
)


class SignalMeasures:
    """The series of one signal, looked up once: a look-up by labels costs more than the count itself."""

    def __init__(self, signal: Signal) -> None:
        label = signal.name.lower()
        self.batch_calls = batch_calls.labels(label)
        self.publish_seconds = publish_seconds.labels(label)
        self.failed_batches = failed_batches.labels(label)


MAX_TENANTS = 1000
"""Tenants with series of their own; the others are counted together as `other`."""
OTHER_TENANTS = "other"


class AccountSeries:
    """The accounts' series, looked up once each. Thread-safe if its callers are, one at a time."""

    def __init__(self) -> None:
        self._tenants: set[str] = set()
        self._series: dict[tuple[str, Signal, Outcome, str], tuple[Counter, Counter, Counter]] = {}

    def count(self, tenant: str, signal: Signal, outcome: Outcome, cause: str, count: Count) -> None:
        """Add to the series of an account."""
        key = tenant, signal, outcome, cause
        series = self._series.get(key)
        if series is None:
            labels = self.label(tenant), signal.name.lower(), outcome.value, cause
            families = account_items, account_calls, account_bytes
            items, calls, size = (family.labels(*labels) for family in families)
            series = self._series[key] = items, calls, size
        for counter, amount in zip(series, (count.items, count.calls, count.bytes), strict=True):
            if amount:
                counter.inc(amount)

    def label(self, tenant: str) -> str:
        """The tenant as a label."""
        if tenant not in self._tenants:
            if len(self._tenants) >= MAX_TENANTS:
                return OTHER_TENANTS
            self._tenants.add(tenant)
        return tenant


accounts = AccountSeries()


def count_control(tenant: str, rule: str, items: int) -> None:
    """Count what a control rule did."""
    if items:
        control_items.labels(accounts.label(tenant), rule).inc(items)
