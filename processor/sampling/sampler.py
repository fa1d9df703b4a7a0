"""Tail sampling of one partition: spans wait with their trace, whole traces are decided, late spans follow.

State is a function of the log: a window's records, log time, and the versions of rules that control records put into
force. What a restart needs of it stands in the log from X on and in the ledger (`ledger.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from otelhouse.sampling.config import TailSampling
from otelhouse.sampling.decide import Verdicts
from otelhouse.sampling.divided import divided
from processor import batch as batches
from processor.batch import Batch
from processor.commit import Opened
from processor.rules import PartitionRules
from processor.sampling import ledger, metrics
from processor.sampling.buffer import Buffer, Pieces
from processor.sampling.counts import count
from processor.sampling.distinct import distinct
from processor.sampling.due import LEAST_BUFFER_BYTES, WAITS, bounds, due_times
from processor.sampling.joined import Part, joined
from processor.sampling.known import (
    BYTES,
    CLASS,
    DROPPED,
    FIRST_MS,
    FIRST_OFFSET,
    KEPT,
    LAST_MS,
    STATUS,
    TENANT,
    UNTIL,
    VOTED,
    Known,
)  # fmt: skip
from processor.sampling.late import exemplars, upgraded
from processor.sampling.recall import Recall
from processor.sampling.tenant import Tenant
from processor.sampling.verdict_rows import Decided, verdict_rows
from processor.window import Change, Window
from schema.arrays import F64, I32, I64, Mask
from schema.record import Votes
from schema.wire.split import Envelopes, Items, pack, piece_sizes


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for verdicts: traces, and bytes of their spans."""

    traces: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a window yields. `stored`: the spans to store now, those decided among them; `weights` float64[spans]: how
    many each stands for (None: one); `waits` bool[spans of the window]: what waits. `opened` is the oldest record that
    open traces need, `due_ms` the log time at which the next is due."""

    stored: Batch
    weights: F64 | None
    waits: Mask
    decisions: pa.RecordBatch | None
    states: pa.RecordBatch | None
    opened: Opened | None
    due_ms: int | None
    waiting: Waiting


class Sampler:
    """One partition; one thread uses it. What a window's control records say is learnt before the window is taken.

    Without `recall`, votes that come after the verdict change nothing.
    """

    def __init__(self, rules: PartitionRules[TailSampling | None], recall: Recall | None = None) -> None:
        self._rules = rules
        self._recall = recall
        self._known = Known()
        self._buffer = Buffer()
        self._tenants: list[Tenant] = []
        self._places: dict[str, int] = {}
        self._past = ledger.NONE
        self._states: dict[str, tuple[int, str]] = {}

    def remember(self, past: ledger.Verdicts, states: Mapping[str, tuple[int, str]], until: int) -> None:
        """Verdicts and where sampling stood as they were stored up to C; before any window. Verdicts up to X (`until`)
        are known at once."""
        before = int(np.searchsorted(past.end, until, "right"))
        self._past = past.part(slice(before, None))
        later = self._past.counts()
        for name, (_, text) in states.items():
            kept, dropped = ledger.verdicts_in(text)
            after = later.get(name, (0, 0))
            self._tenants[self._tenant(name)].verdicts = kept - after[0], dropped - after[1]
        self._states = dict(states)
        self._apply(past.part(slice(0, before)))

    def learn(self, window: Window) -> None:
        """Take note of the window's control records. Raises NotKnown, and may be called again."""
        self._rules.learn(window.changes)

    def bring_back(self, window: Window) -> None:
        """A window before C: its spans wait again, unless their trace was decided by C."""
        ends = np.unique(self._past.end[self._past.end < window.end])
        first, begin = 0, window.start
        for end in [*ends.tolist(), window.end]:
            last = first
            while last < len(window.entries) and window.entries[last].record.offset < end:
                last += 1
            if last > first:
                self._file(batches.read(replace(window, entries=window.entries[first:last]), keys=()))
            first = last
            self._vote(change for change in window.changes if begin <= change.offset < end)
            begin = end
            self._catch_up(end)

    def samples(self, window: Window) -> bool:
        """Whether a rule is in force at its end for a tenant that it has spans of."""
        return any(says is not None for says in self._rules.at_end(window))

    def take(self, batch: Batch) -> Taken:
        """A window after C: file its spans, decide what is due at its end. Raises Abandoned."""
        window = batch.window
        self._catch_up(window.start)
        self._go_on(window)
        now, weight, waits, whole = self._file(batch)
        late = self._vote(window.changes)
        self._renew(window, window.end)
        decided = [*self._upgrade(window, late), *self._decide(window)]
        parts = [part for _, part in decided if part is not None]
        as_it_is = whole and not parts and not batch.brief
        stored, weights = (batch, None) if as_it_is else joined(batch, [*self._now(batch, now, weight), *parts])
        verdicts = [each for each, _ in decided]
        # Whoever was voted for may have used up its limit without a verdict.
        moved = sorted({each.tenant for each in verdicts} | {self._tenants[place].name for place in late})
        held = [
            ledger.State(tenant.name, tenant.version, tenant.sampling, tenant.verdicts)
            for tenant in (self._tenants[self._places[name]] for name in moved)
        ]
        rows = self._known.open
        opened, due = self._open(rows)
        return Taken(
            stored, weights, waits,
            verdict_rows(window, verdicts) if verdicts else None,
            ledger.state_rows(window, held) if held else None,
            opened, due, Waiting(len(rows), int(self._known.state[rows, BYTES].sum())),
        )  # fmt: skip

    def _go_on(self, window: Window) -> None:
        """Before the first window after C: limits as they were."""
        if self._states:
            self._renew(window, window.start)
            for name, (version, text) in self._states.items():
                tenant = self._tenants[self._places[name]]
                if tenant.version == version and tenant.sampling is not None:
                    ledger.load_limits(tenant.sampling, text)
            self._states = {}

    def _tenant(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self._tenants)
            self._tenants.append(Tenant(name))
        return place

    def _renew(self, window: Window, before: int) -> None:
        """The rules in force for records before an offset."""
        for tenant in self._tenants:
            version = self._rules.version(tenant.name, before)
            if version.number != tenant.version:
                tenant.version = version.number
                tenant.sampling = divided(version.says, window.partitions) if version.says else None

    @property
    def _verdicts(self) -> I64:
        return np.array([tenant.verdicts for tenant in self._tenants] or [(0, 0)], np.int64)

    @property
    def _rules_in_force(self) -> list[TailSampling | None]:
        return [tenant.sampling for tenant in self._tenants]

    def _sampled(self, batch: Batch) -> tuple[Mask, I32]:
        """By call: whether a rule was in force at its record, and the tenant's number."""
        places = np.array([self._tenant(name) for name in batch.tenants], np.int32)
        sampled = self._rules.in_force(batch).where(lambda says: says is not None)
        return sampled, places[batch.tenant] if len(places) else batch.tenant

    def _file(self, batch: Batch) -> tuple[Mask, F64, Mask, bool]:
        """Put spans that wait into the buffer -> (bool[spans] those to store now, float64[spans] their weights,
        bool[spans] those that wait, whether all are stored now and stand for one)."""
        spans = batch.scan.items
        sampled, tenant = self._sampled(batch)
        now, weight = np.ones(len(spans), np.bool_), np.ones(len(spans))
        waits = np.zeros(len(spans), np.bool_)
        chosen = np.flatnonzero(sampled[spans.call])
        if not len(chosen):
            return now, weight, waits, True
        calls = spans.call[chosen]
        ids = np.ascontiguousarray(spans["trace_id"].fixed(16)[chosen]).view(np.uint64).reshape(-1, 2)
        roots = spans["parent_span_id"].fixed(8).view(np.uint64).ravel()[chosen] == 0
        filed = self._known.file(
            ids, tenant[calls], batch.log_ms[calls], batch.offset[calls].astype(np.int64),
            batch.retention_class[calls].astype(np.int64), roots, self._verdicts,
        )  # fmt: skip
        group = np.full(len(spans), -1, np.int32)
        group[chosen] = filed.group
        pieces = piece_sizes(batch.scan, group)
        self._known.state[filed.waiting[pieces.group], BYTES] += pieces.size
        # What would cost too much to hold is stored whatever comes of its trace.
        group[pieces.left_out] = -1
        waits = group >= 0
        trace = np.full(len(spans), -1, np.int32)
        trace[waits] = filed.waiting[group[waits]]
        self._buffer.add(batch.scan, trace, filed.waiting[pieces.group])
        status = self._known.state[filed.rows, STATUS]
        now[chosen] = status == KEPT
        now[pieces.left_out] = True
        weight[chosen] = np.where(status == KEPT, self._known.weight[filed.rows], 1.0)
        if batch.window.fresh:
            metrics.LATE.labels("kept").inc(int(np.count_nonzero(status == KEPT)))
            metrics.LATE.labels("dropped").inc(int(np.count_nonzero(status == DROPPED)))
            metrics.NOT_HELD.inc(len(pieces.left_out))
        return now, weight, waits, False

    def _vote(self, changes: Iterable[Change]) -> dict[int, list[I64]]:
        """Note the votes of tenants whose rule, at that record, asks for them -> by tenant, rows of traces that were
        dropped before."""
        dropped: dict[int, list[I64]] = {}
        for change in changes:
            votes = change.said
            if isinstance(votes, Votes) and exemplars(self._rules.version(votes.tenant, change.offset).says):
                ids = np.frombuffer(bytearray(votes.ids), np.uint64).reshape(-1, 2)
                tenant = self._tenant(votes.tenant)
                late = self._known.vote(ids, tenant, change.log_ms, change.offset, self._verdicts)
                metrics.VOTES.labels("in_time").inc(len(ids) - len(late))
                metrics.VOTES.labels("late").inc(len(late))
                if len(late):
                    dropped.setdefault(tenant, []).append(late)
        return dropped

    def _now(self, batch: Batch, now: Mask, weight: F64) -> Iterator[Part]:
        """What of a window is stored without waiting."""
        calls = batch.scan.items.call
        if not now.any():
            return
        group = np.where(now, calls, -1).astype(np.int32)
        packed = pack(batch.scan.data, Items.of(batch.scan), Envelopes.of(batch.scan), group)
        # Pieces that come by call keep the order of the spans.
        of_piece = packed.group
        yield Part(
            packed.data, packed.bounds, batch.tenants, batch.tenant[of_piece], batch.retention_class[of_piece],
            weight[now],
        )  # fmt: skip

    def _decide(self, window: Window) -> Iterator[tuple[Decided, Part | None]]:
        rows = self._known.oldest_first(self._known.open)
        early = bounds(self._known.state[rows], self._rules_in_force, window.end_log_ms, self._may_hold(window))
        rows, early = rows[early != WAITS], early[early != WAITS]
        if not len(rows):
            return
        tenants = self._known.state[rows, TENANT]
        # By name: the numbers that tenants have here another owner gives to others.
        for place in sorted(np.unique(tenants).tolist(), key=lambda place: self._tenants[place].name):
            chosen = np.flatnonzero(tenants == place)
            yield self._decide_tenant(window, place, rows[chosen], early[chosen])

    @staticmethod
    def _may_hold(window: Window) -> int:
        """Bytes of this partition's traces."""
        return max(LEAST_BUFFER_BYTES, window.buffer_bytes // window.partitions)

    def _decide_tenant(
        self, window: Window, place: int, rows: I64, early: npt.NDArray[np.int8]
    ) -> tuple[Decided, Part | None]:
        known = self._known
        spans = distinct(self._buffer.take(rows, len(known.state)), len(rows))
        metrics.DUPLICATES.inc(int(spans.repeats.sum()))
        ids = known.ids_of(rows)
        traces = spans.traces(ids, known.state[rows, VOTED] == 1)
        with metrics.DECIDE_SECONDS.time():
            verdicts = self._tenants[place].decide(traces, window.end_log_ms * 1_000_000)
        state = known.state[rows]
        until = self._conclude(window, place, rows, verdicts)
        tenant = self._tenants[place]
        decided = Decided(
            tenant.name, tenant.version, verdicts, ids, until, traces.span_count, spans.repeats, state, early
        )
        count(decided, window.end_log_ms)
        if not verdicts.sampled.any():
            return decided, None
        return decided, self._part(*spans.pieces(verdicts.sampled), tenant, decided, rows)

    def _upgrade(self, window: Window, late: Mapping[int, list[I64]]) -> Iterator[tuple[Decided, Part | None]]:
        """Keep dropped traces that were voted for."""
        for place in sorted(late, key=lambda place: self._tenants[place].name):
            tenant, rows = self._tenants[place], np.unique(np.concatenate(late[place]))
            # The vote counts by the rule at its record, what it does by the one at the window's end.
            if self._recall is None or tenant.sampling is None or not exemplars(tenant.sampling):
                continue
            ids = self._known.ids_of(rows)
            order = np.lexsort(ids.T[::-1])
            rows, ids = rows[order], ids[order]
            found = upgraded(self._recall, window, tenant.name, tenant.sampling, ids)
            if found is None:
                continue
            rows, ids = rows[found.chosen], ids[found.chosen]
            until = self._conclude(window, place, rows, found.verdicts)
            early = np.zeros(len(rows), np.int8)
            decided = Decided(
                tenant.name, tenant.version, found.verdicts, ids, until, found.spans, found.repeats, found.state,
                early, late=True,
            )  # fmt: skip
            yield decided, self._part(found.pieces, found.of_span, tenant, decided, rows)

    def _conclude(self, window: Window, place: int, rows: I64, verdicts: Verdicts) -> I64:
        """Note verdicts -> int64[traces]: until when each is remembered, see Known."""
        known, tenant, kept = self._known, self._tenants[place], verdicts.sampled
        before = tenant.verdicts
        tenant.verdicts = (before[0] + int(kept.sum()), before[1] + int((~kept).sum()))
        number = np.where(kept, before[0] + np.cumsum(kept), before[1] + np.cumsum(~kept))
        until: I64 = number + np.where(kept, *tenant.remembered)
        known.state[rows, STATUS] = np.where(kept, KEPT, DROPPED)
        known.state[rows, UNTIL] = until
        known.state[rows, LAST_MS] = window.end_log_ms
        known.weight[rows] = ledger.weights(verdicts.rate)
        return until

    def _part(self, pieces: Pieces, of_span: I64, tenant: Tenant, decided: Decided, rows: I64) -> Part:
        """Spans of kept traces, to be stored. `of_span` int64[spans]: the trace of each."""
        return Part(
            pieces.data, pieces.bounds, [tenant.name], np.zeros(len(pieces.place), np.int32),
            decided.state[pieces.place, CLASS].astype(np.uint8), self._known.weight[rows][of_span],
        )  # fmt: skip

    def _open(self, rows: I64) -> tuple[Opened | None, int | None]:
        if not len(rows):
            return None, None
        first = rows[np.argmin(self._known.state[rows, FIRST_OFFSET])]
        opened = Opened(int(self._known.state[first, FIRST_OFFSET]), int(self._known.state[first, FIRST_MS]))
        return opened, int(due_times(self._known.state[rows], self._rules_in_force).min())

    def _catch_up(self, end: int) -> None:
        """Apply the verdicts of blocks that end at or before an offset."""
        count = int(np.searchsorted(self._past.end, end, "right"))
        if count:
            part, self._past = self._past.part(slice(0, count)), self._past.part(slice(count, None))
            self._apply(part)
            for name, (kept, dropped) in part.counts().items():
                tenant = self._tenants[self._places[name]]
                tenant.verdicts = tenant.verdicts[0] + kept, tenant.verdicts[1] + dropped

    def _apply(self, past: ledger.Verdicts) -> None:
        """Verdicts that were made: their traces wait no longer."""
        if not past.tenant:
            return
        tenants = np.array([self._tenant(name) for name in past.tenant], np.int32)
        rows = self._known.find(np.ascontiguousarray(past.ids).view(np.uint64).reshape(-1, 2), tenants, self._verdicts)
        self._buffer.drop(rows, len(self._known.state))
        self._known.state[rows, STATUS] = np.where(past.kept, KEPT, DROPPED)
        self._known.state[rows, UNTIL] = past.until
        self._known.state[rows, LAST_MS] = past.decided_ms
        self._known.weight[rows] = past.weight
