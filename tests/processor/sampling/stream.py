"""A partition of spans with tail sampling, run over a log that is made in a test; restarted wherever one likes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import pyarrow as pa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.rules.documents.span_metrics import SpanMetrics
from otelhouse.sampling.config import TailSampling
from processor.build import Builder, Built
from processor.commit import Checkpoint, first_checkpoint, read_position
from processor.partition import Partition
from processor.rules import SAMPLING, SPAN_METRICS, Form, PartitionRules, Version
from processor.sampling import ledger
from processor.sampling.recall import Recall, Verdict
from processor.sampling.sampler import Sampler
from processor.traces.cardinality import Admitted, Cardinality
from processor.traces.state import TracesState
from processor.window import MS_PER_DAY, Limits, Window
from schema.arrow import DECISIONS
from schema.record import Control, Framing, RuleChange, Votes, block_position, control_headers
from schema.signal import Signal

NAME = TopicPartition(Signal.TRACES.topic, 1)
LIMITS = Limits(span_ms=1000, rows=1000, value_bytes=100_000, edge_ms=2000)
TABLES = ("spans", "trace_index", "decisions", "sampler_states", "red", "red_exemplars", "service_edges")
MOST = 12
"""Series of a tenant."""
Row = dict[str, Any]
T = TypeVar("T")


@dataclass
class Rules(Generic[T]):
    """Versions of one kind, and where they took effect. See processor.rules.Source."""

    form: Form[T]
    found: dict[str, list[Version[T]]] = field(default_factory=dict)

    def versions(self, name: TopicPartition, tenant: str = "", number: int = 0) -> Mapping[str, Sequence[Version[T]]]:
        if not tenant:
            return {whose: list(found) for whose, found in self.found.items()}
        return {tenant: [each for each in self.found.get(tenant, []) if each.number >= number]}

    def next_number(self, tenant: str) -> int:
        return len(self.found.get(tenant, [])) + 1

    def put(self, offset: int, tenant: str, document: Mapping[str, Any]) -> None:
        """A version more."""
        version = Version(offset, self.next_number(tenant), self.form.parse(document))
        self.found.setdefault(tenant, []).append(version)


def _few_series() -> Rules[SpanMetrics]:
    rules = Rules(SPAN_METRICS)
    for tenant in ("acme", "blue"):
        rules.put(-1, tenant, {"max_series": MOST})
    return rules


@dataclass
class Log:
    """Records, and which of them put a rule into force."""

    records: list[Record] = field(default_factory=list)
    sampling: Rules[TailSampling | None] = field(default_factory=lambda: Rules(SAMPLING))
    span_metrics: Rules[SpanMetrics] = field(default_factory=_few_series)

    def spans(self, at_ms: int, *spans: Span, tenant: str = "acme", retention_class: int = 0, **resource: str) -> None:
        """A record with these spans."""
        group = ResourceSpans()
        for key, value in resource.items():
            group.resource.attributes.add(key=key).value.string_value = value
        group.scope_spans.add().spans.extend(spans)
        framing = Framing(tenant, len(spans), 0, retention_class)
        value = ExportTraceServiceRequest(resource_spans=[group]).SerializeToString()
        self.records.append(Record(*NAME, len(self.records), at_ms, framing.headers(), value))

    def tick(self, at_ms: int) -> None:
        headers = control_headers(Control.TICK)
        self.records.append(Record(*NAME, len(self.records), at_ms, headers, b""))

    def votes(self, at_ms: int, *traces: int, tenant: str = "acme") -> None:
        """Exemplars point to traces."""
        ids = b"".join(trace.to_bytes(16, "big") for trace in traces)
        self.records.append(Record(*NAME, len(self.records), at_ms, Votes(tenant, ids).headers(), b""))

    def rule(self, at_ms: int, document: Mapping[str, Any], tenant: str = "acme", counts: bool = True) -> None:
        """Put a document into force here; or append a repeat of the version that follows, which says nothing."""
        self._put(self.sampling, at_ms, document, tenant, counts)

    def measure(self, at_ms: int, document: Mapping[str, Any], tenant: str = "acme", counts: bool = True) -> None:
        """The same of what is measured."""
        self._put(self.span_metrics, at_ms, document, tenant, counts)

    def _put(self, rules: Rules[Any], at_ms: int, document: Mapping[str, Any], tenant: str, counts: bool) -> None:
        offset = len(self.records)
        change = RuleChange(rules.form.kind, tenant, rules.next_number(tenant))
        self.records.append(Record(*NAME, offset, at_ms, change.headers(), b""))
        if counts:
            rules.put(offset, tenant, document)

    def state(self, sampler: Sampler, cardinality: Cardinality, graph_from: int = 0) -> TracesState:
        return TracesState(sampler, PartitionRules(SPAN_METRICS, self.span_metrics, NAME), cardinality, graph_from)

    def sampler(self, recall: Recall | None = None) -> Sampler:
        return Sampler(PartitionRules(SAMPLING, self.sampling, NAME), recall)


@dataclass
class Run:
    """What an owner stored, by window, and what it could have committed after each."""

    windows: list[Window] = field(default_factory=list)
    stored: dict[str, list[list[Row]]] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    due_ms: list[int | None] = field(default_factory=list)

    def rows(self, table: str) -> list[Row]:
        return [row for window in self.stored.get(table, []) for row in window]

    def keep(self, window: Window, built: Built, checkpoint: Checkpoint) -> None:
        self.windows.append(window)
        self.checkpoints.append(checkpoint)
        self.due_ms.append(built.left.due_ms if built.left else None)
        tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        for block in built.blocks:
            for column in block.rows.columns:
                if pa.types.is_dictionary(column.type):  # ClickHouse takes no words that are there twice
                    assert len(column.dictionary.unique()) == len(column.dictionary)
            tables[block.table] = tables.get(block.table, []) + block.rows.to_pylist()
        for name, rows in tables.items():
            self.stored.setdefault(name, []).append(rows)


@dataclass
class Memory:
    """What recall asks: the rows stored so far, and the records of the log from offset `oldest` on."""

    log: Log
    stored: list[Run]
    until: int = 1 << 40
    oldest: int = 0

    def _rows(self, table: str, tenant: str, ids: Sequence[bytes], before: int) -> list[Row]:
        last = len(self.stored) - 1
        return [
            row
            for place, each in enumerate(self.stored)
            for row in each.rows(table)
            if (at := block_position(row["block"])[1]) < before and (place == last or at <= self.until)
            if row["tenant"] == tenant and row["trace_id"] in ids
        ]

    def verdicts(self, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int) -> dict[bytes, Verdict]:
        """See processor.sampling.recall.Index."""
        rows = sorted(self._rows("decisions", tenant, ids, before), key=lambda row: row["block"])
        return {
            row["trace_id"]: Verdict(
                row["class"], _ms(row["first_seen"]), _ms(row["last_seen"]), row["first_offset"], row["last_offset"]
            )
            for row in rows
            if not row["kept"]
        }

    def sightings(
        self, name: TopicPartition, tenant: str, ids: Sequence[bytes], before: int
    ) -> list[tuple[bytes, int, int]]:
        """See processor.sampling.recall.Index."""
        rows = self._rows("trace_index", tenant, ids, before)
        return [(row["trace_id"], row["first_offset"], row["last_offset"]) for row in rows]

    def read(self, partition: TopicPartition, start: int, end: int, max_bytes: int = 8 << 20) -> list[Record]:
        """See otelhouse.bus.contract.Reader: a few at a time."""
        found = [record for record in self.log.records[start:end] if record.offset >= self.oldest]
        return found[:3]

    def close(self) -> None:
        return None

    def pause(self, seconds: float) -> bool:
        """See processor.waiting.Waiter."""
        return False

    @property
    def recall(self) -> Recall:
        return Recall(NAME, self, self, self)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def run(log: Log, limits: Limits = LIMITS, oldest: int = 0) -> Run:
    """From the start of the log. Of records before `oldest` nothing is there when they are looked up again."""
    made = Run()
    sampler = log.sampler(Memory(log, [made], oldest=oldest).recall)
    return _run(log, first_checkpoint(0, limits), log.state(sampler, Cardinality()), made)


def unsampled() -> TracesState:
    """The state of a partition of spans without rules."""
    log = Log(span_metrics=Rules(SPAN_METRICS))
    return log.state(log.sampler(), Cardinality())


def resumed(log: Log, before: Run, windows: int) -> Run:
    """By another owner, after the first `windows` windows of a run were committed."""
    checkpoint = read_position(before.checkpoints[windows - 1].position())
    made = Run()
    sampler = log.sampler(Memory(log, [before, made], checkpoint.emitted).recall)
    past = _past(before.rows("decisions"), checkpoint.emitted)
    states = {
        row["tenant"]: (row["rule_version"], row["state"])
        for row in sorted(before.rows("sampler_states"), key=lambda row: row["block"])
        if block_position(row["block"])[1] <= checkpoint.emitted
    }
    sampler.remember(past, states, checkpoint.resume)
    cardinality, day = Cardinality(), checkpoint.log_ms // MS_PER_DAY
    admitted = (
        row for row in before.rows("red") if not row["overflow"] and row["day"] == date.fromordinal(719_163 + day)
    )
    rows = (
        Admitted(*(dict(row[name]) if name == "dimensions" else row[name] for name in Admitted._fields))
        for row in admitted
        if block_position(row["block"])[1] <= checkpoint.emitted
    )
    cardinality.restore(day, rows)
    return _run(log, checkpoint, log.state(sampler, cardinality, checkpoint.graph), made)


def _run(log: Log, checkpoint: Checkpoint, state: TracesState, made: Run) -> Run:
    partition, builder = Partition(NAME, checkpoint), Builder()
    for window in partition.feed(log.records[checkpoint.resume :]):
        state.learn(window)
        if not window.fresh:
            state.bring_back(window)
            continue
        built = builder.build(window, state)
        assert built.left is not None
        after = partition.checkpoint_after(window).since(built.left.opened, built.left.graph)
        made.keep(window, built, after)
    return made


def _past(rows: list[Row], until: int) -> ledger.Verdicts:
    rows = sorted(
        (row for row in rows if block_position(row["block"])[1] <= until),
        key=lambda row: (row["block"], row["tenant"], row["decided"], row["trace_id"]),
    )
    return ledger.verdicts_of(pa.Table.from_pylist(rows, DECISIONS)) if rows else ledger.NONE


def rule(*policies: dict[str, Any], wait: str = "5s", **more: Any) -> dict[str, Any]:
    return {"decision_wait": wait, "policies": list(policies), **more}


def span(trace: int, number: int, root: bool = False, error: bool = False, kind: int = 1, **attributes: str) -> Span:
    """Span `number` of a trace, 10 ms long, child of the one before it."""
    made = Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=b"" if root else (number - 1 or 255).to_bytes(8, "big"),
        name=f"work-{number}",
        kind=kind,  # type: ignore[arg-type]  # a number stands for its name
        start_time_unix_nano=10**18,
        end_time_unix_nano=10**18 + 10**7,
    )
    made.status.code = 2 if error else 0
    for key, value in attributes.items():
        made.attributes.add(key=key).value.string_value = value
    return made


def traces_of(rows: list[Row]) -> dict[int, list[int]]:
    """Rows of spans -> span numbers by trace."""
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(int.from_bytes(row["trace_id"], "big"), []).append(int.from_bytes(row["span_id"], "big"))
    return found
