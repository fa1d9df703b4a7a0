"""What control rules would do to a sample: counts by rule, and some items before and after. Nothing is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.batch import Batch, Call
from ingest.control.apply import apply
from ingest.steps.scan import scan
from otelhouse.keys import Tenant
from otelhouse.rules.documents.control import ControlRule, Route
from schema.signal import Signal
from schema.wire import Scan
from schema.wire.split import split

_LARGEST = 1 << 30


@dataclass(frozen=True, slots=True)
class Example:
    """One item as an export request of its own in protobuf; `after` is None where it was dropped."""

    before: bytes
    after: bytes | None


@dataclass(slots=True)
class Tried:
    """A rule; of how many items it could look at it dropped, routed or changed how many."""

    rule: ControlRule
    items: int = 0
    hits: int = 0
    examples: list[Example] = field(default_factory=list)


def try_rules(rules: Sequence[ControlRule], sample: Sequence[tuple[Signal, bytes]], examples: int) -> list[Tried]:
    """Apply rules in their order to export requests in protobuf. Those that are no OTLP are passed over."""
    tried = [Tried(rule) for rule in rules]
    for signal in Signal:
        bodies = [body for of, body in sample if of is signal]
        if bodies:
            batch = scan(signal, [Call(Tenant("sample"), body) for body in bodies])
            for each in tried:
                if each.rule.signal is signal:
                    _try(batch, each, examples)
    return tried


def _try(batch: Batch, tried: Tried, examples: int) -> None:
    items = np.flatnonzero(batch.keep)
    tried.items += int(batch.weights[items].sum())
    before = batch.scan
    applied = apply(batch, tried.rule, items)
    batch.apply_edits()
    tried.hits += applied.items
    for row in applied.rows[: examples - len(tried.examples)].tolist():
        kept = batch.keep[row] and not isinstance(tried.rule.action, Route)
        tried.examples.append(Example(_alone(before, row), _alone(batch.scan, row) if kept else None))


def _alone(columns: Scan, row: int) -> bytes:
    """The request with only this item."""
    group = np.full(len(columns.items), -1, np.int32)
    group[row] = 0
    return split(columns, group, _LARGEST).pieces[0].value
