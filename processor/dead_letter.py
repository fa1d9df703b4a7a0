"""Records that yield no rows go to a topic of their own, with the reason, and never block their partition."""

from __future__ import annotations

from otelhouse.bus.contract import LogError, LogUnavailable, Outgoing, Producer
from otelhouse.telemetry import get_logger
from processor import metrics
from processor.batch import Fault
from processor.waiting import Abandoned, Waiter
from schema.record import DEAD_LETTER_TOPIC

TOPIC = DEAD_LETTER_TOPIC
HEADER_REASON = "reason"
HEADER_TOPIC, HEADER_PARTITION, HEADER_OFFSET = "source_topic", "source_partition", "source_offset"

_log = get_logger(__name__)
_PAUSE = 1.0


class DeadLetters:
    """Publishes faults. A replay publishes again: the source headers tell which are the same."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def bury(self, faults: list[Fault], waiter: Waiter) -> None:
        """Return once the log has them all. Raises Abandoned."""
        left = faults
        while left:
            left = self._attempt(left)
            if left and waiter.pause(_PAUSE):
                raise Abandoned

    def _attempt(self, faults: list[Fault]) -> list[Fault]:
        """Publish; returns those to try again."""
        try:
            partitions = self._producer.partitions(TOPIC)
            results = self._producer.publish([_letter(fault, partitions) for fault in faults]).result()
        except LogError as error:
            _log.warning("cannot publish dead letters; trying again", reason=str(error))
            return faults
        again = [fault for fault, result in zip(faults, results, strict=True) if isinstance(result, LogUnavailable)]
        for fault, result in zip(faults, results, strict=True):
            if isinstance(result, LogUnavailable):
                continue
            record = fault.record
            metrics.DEAD_LETTERS.labels(record.topic).inc()
            where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            _log.warning("dead letter", reason=fault.reason, kept=isinstance(result, int), **where)
        return again


def _letter(fault: Fault, partitions: int) -> Outgoing:
    record = fault.record
    headers = (
        *record.headers,
        (HEADER_REASON, fault.reason.encode()),
        (HEADER_TOPIC, record.topic.encode()),
        (HEADER_PARTITION, b"%d" % record.partition),
        (HEADER_OFFSET, b"%d" % record.offset),
    )
    return Outgoing(TOPIC, record.partition % partitions, record.value, headers)
