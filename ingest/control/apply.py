"""One rule at work on the items of one tenant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.batch import Batch
from ingest.control.changes import change
from ingest.control.columns import Rows
from ingest.control.matching import matched, matched_points
from otelhouse.rules.documents.control import Allow, ControlRule, Deny, Route
from otelhouse.rules.documents.control_match import places
from schema.signal import Signal


@dataclass(frozen=True, slots=True)
class Applied:
    """What a rule dropped, routed or changed: rows of items, and OTLP items (a metric may lose some of its points)."""

    rows: Rows
    items: int


def apply(batch: Batch, rule: ControlRule, items: Rows) -> Applied:
    """Do what the rule says to these items.

    Changes are noted in `batch.edits`: apply them before a rule looks at these items again.
    """
    if batch.signal is Signal.METRICS and "attributes" in places(rule.match):
        return _apply_to_points(batch, rule, items)
    hits = matched(batch.scan, rule.match, items)
    if isinstance(rule.action, Allow):
        hits = np.setdiff1d(items, hits, assume_unique=True)
    if isinstance(rule.action, Allow | Deny):
        batch.drop(hits, _cause(rule))
    elif isinstance(rule.action, Route):
        batch.route(hits, rule.action.topic)
    elif len(hits):
        hits = change(batch.scan, rule.action, hits, batch.edits)
    return Applied(hits, int(batch.weights[hits].sum()))


def _apply_to_points(batch: Batch, rule: ControlRule, items: Rows) -> Applied:
    """Drop data points; a metric that keeps none goes as a whole."""
    points, hits = matched_points(batch.scan, rule.match, items)
    if isinstance(rule.action, Allow):
        hits = np.setdiff1d(points, hits, assume_unique=True)
    table = batch.scan.points
    metrics, counts = np.unique(table.parent[hits].astype(np.int64), return_counts=True)
    empty = counts == batch.weights[metrics]
    batch.drop(metrics[empty], _cause(rule))
    batch.drop_points(metrics[~empty], counts[~empty], _cause(rule))
    removed = hits[np.isin(table.parent[hits], metrics[~empty])]
    none = np.zeros(len(removed), np.int64)
    batch.edits.replace(table.tag[removed], table.end[removed], np.zeros(1, np.uint8), none, none)
    return Applied(metrics, len(hits))


def _cause(rule: ControlRule) -> str:
    return f"control:{rule.name}"
