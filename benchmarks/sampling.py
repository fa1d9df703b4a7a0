"""What tail-sampling policies cost on columns, with the scan and the grouping by trace; the floor is the scan alone.

Then a partition's whole way from windows of records to rows, in this process and without a log or a store; the floor
is the scan of the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import payloads
from benchmarks.collector.configs import tail_sampling
from benchmarks.harness import Table, in_turn, measure
from benchmarks.log_records import TENANT, LogRecords
from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.config import ProcessorSettings
from otelhouse.rules.documents.sampling import parse
from otelhouse.sampling.config import TailSampling, parse_yaml
from otelhouse.sampling.decide import decide
from otelhouse.sampling.traces import Traces
from processor import batch
from processor.build import Builder
from processor.rules import SAMPLING, SPAN_METRICS, PartitionRules, Version
from processor.sampling.sampler import Sampler
from processor.traces.cardinality import Cardinality
from processor.traces.state import TracesState
from processor.window import Entry, Limits, OpenWindow, Window
from schema.signal import Signal
from schema.wire import Scan, join, scan

SPANS, A_CALL, ROUNDS = 50_000, 512, 7
PARTITIONS, WINDOWS, POOL = 4, 12, 32_768
WAIT_SECONDS = 5
"""Log time of as many windows: each takes a second."""

POLICIES = {
    "no policy that looks at spans": "[{name: a, type: always_sample}]",
    "status, latency and a share": """
      [{name: e, type: status_code, status_code: {status_codes: [ERROR]}},
       {name: s, type: latency, latency: {threshold_ms: 500}},
       {name: p, type: probabilistic, probabilistic: {sampling_percentage: 10}}]""",
    "an attribute, exact": """
      [{name: a, type: string_attribute, string_attribute: {key: http.request.method, values: [PUT]}}]""",
    "an attribute, by pattern": """
      [{name: a, type: string_attribute,
        string_attribute: {key: url.path, values: ['/health$'], enabled_regex_matching: true}}]""",
    "OTTL: an attribute and a duration": """
      [{name: o, type: ottl_condition, ottl_condition: {span: [
        'attributes["http.response.status_code"] >= 500
         and end_time_unix_nano - start_time_unix_nano > 100000000']}}]""",
}


def main() -> None:
    """Print the tables."""
    _policies()
    _windows()


def _policies() -> None:
    data, bounds = join(payloads.traces(A_CALL, SPANS))
    wanted = {name: parse_yaml(f"policies: {text}") for name, text in POLICIES.items()}

    def scanned() -> Scan:
        return scan(Signal.TRACES, data, bounds)

    def decided(sampling: TailSampling) -> None:
        decide(sampling, Traces.of(scanned()))

    for sampling in wanted.values():
        decided(sampling)
    count = len(scanned().items)
    with in_turn(table := Table("tail-sampling policies, with the scan", "spans"), ROUNDS) as rounds:
        for _ in rounds:
            table.add("scan alone (floor)", measure(count, scanned))
            table.add("and grouped by trace", measure(count, lambda: Traces.of(scanned())))
            for name, sampling in wanted.items():
                table.add(name, measure(count, lambda sampling=sampling: decided(sampling)))  # type: ignore[misc]


def _windows() -> None:
    windows = list(_made())
    full = windows[WAIT_SECONDS + 1 :]  # one second's spans come, those of an earlier one are decided
    count = sum(entry.framing.items for window in full for entry in window.entries if entry.framing)
    with in_turn(table := Table("a partition's windows, one of 50,000 spans a second", "spans"), ROUNDS) as rounds:
        for _ in rounds:
            table.add("scan alone (floor)", measure(count, lambda: [batch.read(window) for window in full]))
            for name, document in (("no rule", {}), ("three policies, 5 s", tail_sampling(WAIT_SECONDS))):
                builder, state = Builder(), _state(document)
                for window in windows[: -len(full)]:
                    builder.build(window, state)
                table.add(
                    name,
                    measure(count, lambda b=builder, s=state: [b.build(window, s) for window in full]),  # type: ignore[misc]
                )


def _state(document: Mapping[str, object]) -> TracesState:
    name = TopicPartition(Signal.TRACES.topic, 0)
    measured = PartitionRules(SPAN_METRICS, _InForce(), name)
    held = _InForce([Version(-1, 1, parse(document))] if document else [])
    return TracesState(Sampler(PartitionRules(SAMPLING, held, name)), measured, Cardinality(), 0)


@dataclass(frozen=True)
class _InForce:
    """Versions of the tenant's rule."""

    held: Sequence[Version[Any]] = ()

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version[Any]]]:
        return {TENANT: self.held} if self.held else {}


def _made() -> Iterator[Window]:
    name = TopicPartition(Signal.TRACES.topic, 0)
    limits = Limits.of(Signal.TRACES, ProcessorSettings(window_seconds=3600.0, window_rows=SPANS), PARTITIONS)
    records = (each for each in LogRecords(PARTITIONS, POOL) if each.partition == 0)
    offset = 0
    for second in range(WINDOWS):
        window = OpenWindow(name, limits, offset, second * 1000, second * 1000)
        while not window.ends_at(offset):
            made = next(records)
            window.add(Entry(Record(*name, offset, second * 1000, (), made.value), second * 1000, made.framing))
            offset += 1
        yield window.completed(offset, second * 1000)
