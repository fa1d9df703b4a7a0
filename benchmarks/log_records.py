"""Records of spans as ingest puts them into the log: calls that came together, cut by the partition of each trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from benchmarks.payloads import traces
from schema.hash import partitions_of
from schema.record import Framing
from schema.signal import Signal
from schema.wire import join, scan
from schema.wire.split import split

A_CALL, CALLS_TOGETHER = 512, 8
TENANT = "acme"


@dataclass(frozen=True)
class LogRecord:
    """What is put into a partition: headers and value."""

    partition: int
    framing: Framing
    value: bytes


@dataclass
class _Template:
    partition: int
    framing: Framing
    body: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.int64]


class LogRecords:
    """Spans without end, from a pool of `pool` spans whose trace ids are made new each time round."""

    def __init__(self, partitions: int, pool: int) -> None:
        calls = traces(A_CALL, pool)
        batches = [calls[first : first + CALLS_TOGETHER] for first in range(0, len(calls), CALLS_TOGETHER)]
        self._templates = [made for batch in batches for made in _templates(batch, partitions)]

    def __iter__(self) -> Iterator[LogRecord]:
        for number in count(1):
            yield from self.turn(number)

    def turn(self, number: int = 1) -> Iterator[LogRecord]:
        """The pool once."""
        for each in self._templates:
            each.body[each.ids] = np.frombuffer(number.to_bytes(4, "big"), np.uint8)
            yield LogRecord(each.partition, each.framing, each.body.tobytes())


def _templates(calls: list[bytes], partitions: int) -> Iterator[_Template]:
    found = scan(Signal.TRACES, *join(calls))
    group = partitions_of(found.items["trace_id"].hash(), partitions)
    for piece in split(found, group.astype(np.int32)).pieces:
        body = np.frombuffer(bytearray(piece.value), np.uint8)
        ids = scan(Signal.TRACES, *join([piece.value])).items.slices("trace_id").off
        framing = Framing(TENANT, piece.items, 0)
        yield _Template(piece.group, framing, body, ids[:, None] + np.arange(4))
