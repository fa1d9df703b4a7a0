"""The steps between the arrival of calls and the log, run over all calls of a batch in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest import metrics
from ingest.answer import Code, Refused
from ingest.batch import Batch, Call
from ingest.expansion import expansion
from otelhouse.clock import Clock
from otelhouse.telemetry import get_logger
from schema.signal import Signal

Scanner = Callable[[Signal, Sequence[Call]], Batch]
Step = Callable[[Batch], None]
"""Reads and writes fields of the batch. Raises Refused if no call can go on."""
Prepared = tuple[range, Batch | Refused]
"""Rows of the calls, and the batch they have become, or why they cannot go on."""
_MINUTE_NS = 60_000_000_000

_log = get_logger(__name__)


class Prepare:
    """Calls -> batches ready to publish: one, unless a fault of ours parts them. Thread-safe."""

    def __init__(self, signal: Signal, scan: Scanner, steps: Sequence[Step], clock: Clock) -> None:
        self._signal = signal
        self._scan = scan
        self._steps = steps
        self._clock = clock
        self._seconds = metrics.prepare_seconds.labels(signal.name.lower())

    def __call__(self, calls: Sequence[Call]) -> list[Prepared]:
        """Never raises; every call is in exactly one of the results."""
        began = self._clock.monotonic()
        with expansion(sum(len(call.body) for call in calls)):
            prepared = self._all(calls)
        self._seconds.observe(self._clock.monotonic() - began)
        return prepared

    def _all(self, calls: Sequence[Call]) -> list[Prepared]:
        try:
            return [(range(len(calls)), self._batch(calls))]
        except Exception as error:  # noqa: BLE001 - one call's data shall not take the others along
            _log.error(
                "a batch could not be prepared", signal=self._signal.name.lower(), calls=len(calls), exc_info=error
            )
            return [(range(row, row + 1), self._alone(call)) for row, call in enumerate(calls)]

    def _batch(self, calls: Sequence[Call]) -> Batch | Refused:
        batch = self._scan(self._signal, calls)
        batch.minute = self._clock.now_ns() // _MINUTE_NS
        try:
            for step in self._steps:
                step(batch)
        except Refused as refused:
            return refused
        batch.release()
        return batch

    def _alone(self, call: Call) -> Batch | Refused:
        try:
            return self._batch([call])
        except Exception:  # noqa: BLE001 - logged for the batch; whatever it is, the caller is told
            return Refused(Code.INTERNAL, "the request could not be processed")
