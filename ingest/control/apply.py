"""One rule at work on the items of one tenant."""

from __future__ import annotations

import numpy as np

from ingest.batch import Batch
from ingest.control.changes import change
from ingest.control.columns import Rows
from ingest.control.matching import matched
from otelhouse.rules.documents.control import Allow, ControlRule, Deny, Route


def apply(batch: Batch, rule: ControlRule, items: Rows) -> Rows:
    """Do what the rule says to these items -> those that it dropped, routed or changed.

    Changes are noted in `batch.edits`: apply them before a rule looks at these items again.
    """
    hits = matched(batch.scan, rule.match, items)
    if isinstance(rule.action, Allow):
        hits = np.setdiff1d(items, hits, assume_unique=True)
    if isinstance(rule.action, Allow | Deny):
        batch.drop(hits, f"control:{rule.name}")
    elif isinstance(rule.action, Route):
        batch.route(hits, rule.action.topic)
    elif len(hits):
        hits = change(batch.scan, rule.action, hits, batch.edits)
    return hits
