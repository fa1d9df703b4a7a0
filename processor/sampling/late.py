"""Votes that come after the verdict: what of the rule is asked again, and what becomes of the trace."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from otelhouse.sampling.config import TailSampling
from otelhouse.sampling.decide import Verdicts, decide
from otelhouse.sampling.divided import every
from otelhouse.sampling.policies.exemplar import Exemplar
from processor.sampling import metrics
from processor.sampling.buffer import Pieces
from processor.sampling.distinct import distinct
from processor.sampling.known import BYTES, CLASS, COLUMNS, FIRST_MS, FIRST_OFFSET, LAST_MS, LAST_OFFSET
from processor.sampling.recall import Recall, Recalled
from processor.window import Window
from schema.arrays import I64, U8

_MS_PER_MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Traces of a tenant that a late vote keeps. By trace: `chosen`, its place among those voted for; `verdicts`;
    `state` (columns of Known); `spans`, `repeats`: how many there are, and how many were left out. `of_span`
    int64[]: by span in `pieces` its trace."""

    chosen: I64
    verdicts: Verdicts
    state: I64
    spans: I64
    repeats: I64
    pieces: Pieces
    of_span: I64


def exemplars(sampling: TailSampling | None) -> list[Exemplar]:
    """The policies of a rule that ask for votes."""
    return [policy for policy in every(sampling) if isinstance(policy, Exemplar)] if sampling is not None else []


def upgraded(recall: Recall, window: Window, tenant: str, sampling: TailSampling, ids: U8) -> Upgrade | None:
    """Decide dropped traces again that were voted for, by the policies that ask for votes and those that drop.

    `ids` uint8[traces, 16], ascending. What is read of the log counts against the rule's limit for the minute.
    """
    budget, minute = exemplars(sampling)[0], window.end_log_ms // _MS_PER_MINUTE
    left = budget.left(minute)
    if not left:
        metrics.LATE_VOTES.labels("over_limit").inc(len(ids))
        return None
    recalled = recall(window, tenant, ids, left)
    budget.spend(minute, recalled.read_bytes)
    kept = _decided(window, sampling, ids, recalled)
    lost = int(np.count_nonzero(~recalled.found & ~recalled.over))
    metrics.LATE_VOTES.labels("over_limit").inc(int(np.count_nonzero(recalled.over)))
    metrics.LATE_VOTES.labels("gone").inc(lost)
    metrics.LATE_VOTES.labels("dropped").inc(int(np.count_nonzero(recalled.found)) - (len(kept.chosen) if kept else 0))
    metrics.LATE_VOTES.labels("kept").inc(len(kept.chosen) if kept else 0)
    return kept


def _decided(window: Window, sampling: TailSampling, ids: U8, recalled: Recalled) -> Upgrade | None:
    found = np.flatnonzero(recalled.found)
    if not len(found):
        return None
    spans = distinct(recalled.taken, len(found))
    traces = spans.traces(ids[found], np.ones(len(found), np.bool_))
    asked = tuple(
        each for each in sampling.policies if each.type == "drop" or exemplars(replace(sampling, policies=(each,)))
    )
    verdicts = decide(replace(sampling, policies=asked), traces, window.end_log_ms * 1_000_000)
    # A record may name a trace's spans so badly that there are none.
    kept = np.flatnonzero(verdicts.sampled & (traces.span_count > 0))
    if not len(kept):
        return None
    state = np.zeros((len(kept), COLUMNS), np.int64)
    before = [recalled.verdicts[each] for each in found[kept].tolist()]
    state[:, [CLASS, FIRST_MS, LAST_MS, FIRST_OFFSET, LAST_OFFSET]] = before
    place = np.full(len(found), -1, np.int64)
    place[kept] = np.arange(len(kept))
    pieces, of_span = spans.pieces(place >= 0)
    pieces = replace(pieces, place=place[pieces.place])
    np.add.at(state[:, BYTES], pieces.place, np.diff(pieces.bounds))
    return Upgrade(
        found[kept], verdicts.part(kept), state, traces.span_count[kept], spans.repeats[kept], pieces, place[of_span]
    )
