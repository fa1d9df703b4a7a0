"""What ingest says of itself on /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from ingest.batch import Batch
from schema.signal import Signal

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

requests = Counter(
    "otelhouse_ingest_requests",
    "Export calls answered, by protocol, signal and answer.",
    ["protocol", "signal", "code"],
)
received_bytes = Counter("otelhouse_ingest_received_bytes", "Bytes of protobuf that entered the steps.", ["signal"])
accepted_items = Counter(
    "otelhouse_ingest_accepted_items", "Spans, data points and log records that the log took.", ["signal"]
)
rejected_items = Counter(
    "otelhouse_ingest_rejected_items", "Items rejected by partial_success, by reason.", ["signal", "reason"]
)
malformed_calls = Counter(
    "otelhouse_ingest_malformed_calls", "Calls refused because their bytes are no OTLP.", ["signal"]
)
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


class SignalMeasures:
    """The series of one signal, looked up once: a look-up by labels costs more than the count itself."""

    def __init__(self, signal: Signal) -> None:
        self._label = signal.name.lower()
        self.received_bytes = received_bytes.labels(self._label)
        self.batch_calls = batch_calls.labels(self._label)
        self.publish_seconds = publish_seconds.labels(self._label)
        self.failed_batches = failed_batches.labels(self._label)
        self._accepted = accepted_items.labels(self._label)

    def count(self, batch: Batch, taken: int) -> None:
        """Count a batch of which the log took so many items."""
        self._accepted.inc(taken)
        for reason, counts in batch.rejected.items():
            rejected_items.labels(self._label, reason.value).inc(int(counts.sum()))
