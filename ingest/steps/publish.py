"""Step 5: the parts go to the log; a call is answered when the log has exactly the parts that hold its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby

from ingest.batch import Batch, Part
from otelhouse.bus.contract import LogError, Producer


@dataclass(frozen=True, slots=True)
class Delivery:
    """Parts for one partition, under way. `answer` resolves to an entry a part: its offset, or what went wrong."""

    parts: Sequence[Part]
    answer: Future[list[int | LogError]]


class Publish:
    """Parts -> deliveries, one a partition, so that a partition in trouble delays no call without bytes in it."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def __call__(self, batch: Batch) -> list[Delivery]:
        by_partition = sorted(batch.parts, key=_partition)
        return [
            Delivery(parts, self._producer.publish([part.record for part in parts]))
            for parts in (list(group) for _, group in groupby(by_partition, key=_partition))
        ]


def _partition(part: Part) -> int:
    return part.record.partition
