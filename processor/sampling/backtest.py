"""What another rule would have made of the traces that are still in the log."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from otelhouse.bus.contract import Consumer, Log, LogUnavailable, Record, TopicPartition
from otelhouse.sampling.config import TailSampling
from processor import batch as batches
from processor.commit import first_checkpoint
from processor.partition import Partition
from processor.rules import SAMPLING, PartitionRules, Version
from processor.sampling.sampler import Sampler
from processor.window import Limits
from schema.record import HEADER_TENANT, Control, control_headers
from schema.signal import Signal

_IDLE_SECONDS, _MOST_BYTES = 0.5, 8 << 20
_PATIENCE = 20
"""Polls that may pass until the log gives partitions."""


@dataclass(slots=True)
class Volume:
    """Traces, spans, and bytes as they came."""

    traces: int = 0
    spans: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _OneRule:
    """The rule is in force for one tenant from the first record on."""

    tenant: str
    sampling: TailSampling

    def versions(
        self, name: TopicPartition, tenant: str = "", number: int = 0
    ) -> Mapping[str, Sequence[Version[TailSampling]]]:
        """See processor.rules.Source."""
        return {self.tenant: [Version(-1, 1, self.sampling)]}


@dataclass(slots=True)
class _Replay:
    """One partition, read up to `end`."""

    partition: Partition
    sampler: Sampler
    end: int
    found: dict[tuple[str, bool], Volume] = field(default_factory=dict)

    def feed(self, records: Iterable[Record]) -> None:
        """Take records, and count the verdicts that fall."""
        for window in self.partition.feed(records):
            # Rules that came into force then are not asked.
            decisions = self.sampler.take(batches.read(replace(window, changes=()))).decisions
            if decisions is not None:
                self._count(decisions)

    def finish(self) -> None:
        """Let all that waits be decided, as if time had gone on."""
        name, far = self.partition.name, self.partition.log_ms + (1 << 50)
        for more in range(2):  # the first ends an open window, the second finds all due
            tick = Record(*name, self.partition.next_offset, far + more, control_headers(Control.TICK), b"")
            self.feed([tick])

    def _count(self, decisions: pa.RecordBatch) -> None:
        names = ("policy", "kept", "spans", "bytes")
        for policy, kept, spans, size in zip(*(decisions.column(name).to_pylist() for name in names), strict=True):
            volume = self.found.setdefault((policy, kept), Volume())
            volume.traces += 1
            volume.spans += spans
            volume.bytes += size


def backtest(
    log: Log, limits: Limits, sampling: TailSampling, tenant: str, since_ms: int
) -> dict[tuple[str, bool], Volume]:
    """By (policy, kept): what a rule would have made of a tenant's spans that were appended from `since_ms` on.

    The policy is '' where none matched. Reads the log from its oldest record up to where it ends now, in a consumer
    group of its own. Raises LogError.
    """
    consumer = log.consumer(f"otelhouse-backtest-{uuid.uuid4()}")
    try:
        return _read(consumer, limits, _OneRule(tenant, sampling), since_ms)
    finally:
        consumer.close()


def _read(consumer: Consumer, limits: Limits, rule: _OneRule, since_ms: int) -> dict[tuple[str, bool], Volume]:
    replays: dict[TopicPartition, _Replay] = {}
    assigned: list[TopicPartition] = []
    consumer.subscribe([Signal.TRACES.topic], assigned.extend, lambda _: None)
    early: dict[TopicPartition, list[Record]] = {}
    patience = _PATIENCE
    while not assigned or any(consumer.position(name) < replay.end for name, replay in replays.items()):
        if not assigned and (patience := patience - 1) < 0:
            raise LogUnavailable(f"the log has no topic {Signal.TRACES.topic}, or gives none of its partitions")
        for record in consumer.poll(_IDLE_SECONDS, _MOST_BYTES):
            early.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
        for name in assigned:
            if name not in replays:
                first = early[name][0].offset if early.get(name) else consumer.position(name)
                sampler = Sampler(PartitionRules(SAMPLING, rule, name))
                replays[name] = _Replay(Partition(name, first_checkpoint(first, limits)), sampler, consumer.end(name))
        for name, records in early.items():
            replays[name].feed(_wanted(records, replays[name].end, rule.tenant, since_ms))
        early.clear()
    found: dict[tuple[str, bool], Volume] = {}
    for replay in replays.values():
        replay.finish()
        for key, volume in replay.found.items():
            total = found.setdefault(key, Volume())
            total.traces += volume.traces
            total.spans += volume.spans
            total.bytes += volume.bytes
    return found


def _wanted(records: Iterable[Record], end: int, tenant: str, since_ms: int) -> Iterable[Record]:
    """Records of the tenant and time, and control records: they move log time."""
    for record in records:
        whose = dict(record.headers).get(HEADER_TENANT)
        ours = whose is None or (whose == tenant.encode() and record.append_ms >= since_ms)
        if record.offset < end and (ours or not record.value):
            yield record
