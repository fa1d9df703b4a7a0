"""Conditions on an attribute of a trace's resources and spans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from otelhouse.sampling.policy import Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import I64, Mask
from schema.wire import Owner, Scan

Matches = Callable[[Scan, I64, Owner], Mask]
"""(scan, rows of `scan.attributes`, whose they are) -> whether each value matches."""


def attribute_decisions(traces: Traces, key: str, matches: Matches, invert: bool) -> Decisions:
    """Whether any resource or span has a matching value under the key; inverted, whether none has.

    Of a key that is there twice the first counts.
    """
    scan = traces.scan
    hit = _owners(scan, Owner.RESOURCE, key, matches)[scan.resource_of_items]
    hit |= _owners(scan, Owner.ITEM, key, matches)
    found = traces.any(hit)
    return decisions(~found if invert else found)


def _owners(scan: Scan, owner: Owner, key: str, matches: Matches) -> Mask:
    rows = scan.find(owner, key.encode())
    hit = np.zeros(len(rows), np.bool_)
    there = np.flatnonzero(rows >= 0)
    if len(there):
        hit[there] = matches(scan, rows[there], owner)
    return hit
