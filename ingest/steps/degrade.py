"""Step: under pressure, the least valuable items are shed, in the order of `ingest/degrade/ladder.py`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ingest.batch import Batch
from ingest.degrade.ladder import LEVELS, Shedding
from ingest.degrade.spans import sample
from schema.signal import Signal

_ERROR = 2
_DEBUG, _INFO = (1, 8), (9, 12)
"""Severity numbers, first and last. 0 says nothing, and may be an error."""


class Degrade:
    """Drops by class, as `degrade:<class>`; does nothing at level 0."""

    def __init__(self, level: Callable[[], int]) -> None:
        self._level = level

    def __call__(self, batch: Batch) -> None:
        level = self._level()
        if not level:
            return
        shedding = LEVELS[level]
        if batch.signal is Signal.LOGS:
            _shed_logs(batch, shedding)
        elif batch.signal is Signal.TRACES and shedding.threshold:
            _shed_spans(batch, shedding.threshold)


def _shed_logs(batch: Batch, shedding: Shedding) -> None:
    severity = batch.scan.items["severity_number"]
    for shed, name, (first, last) in (
        (shedding.debug_logs, "debug_logs", _DEBUG),
        (shedding.info_logs, "info_logs", _INFO),
    ):
        if shed:
            batch.drop(np.flatnonzero(batch.keep & (severity >= first) & (severity <= last)), f"degrade:{name}")


def _shed_spans(batch: Batch, threshold: int) -> None:
    spans = np.flatnonzero(batch.keep & (batch.scan.items["status.code"] != _ERROR))
    batch.drop(sample(batch.scan, spans, threshold, batch.edits), "degrade:spans")
    batch.apply_edits()
