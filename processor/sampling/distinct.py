"""The spans of whole traces without those that came twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from otelhouse.sampling.traces import Times, Traces
from processor.memory import SPARE
from processor.sampling.buffer import Pieces, Taken
from processor.sampling.duplicates import duplicates
from schema.arrays import I64, U8, Mask
from schema.signal import Signal
from schema.wire import Scan, scan


@dataclass(frozen=True, slots=True)
class Distinct:
    """`taken`: the spans as they came; `once` bool[spans]: those that had not come before; `repeats` int64[traces]:
    spans that had."""

    taken: Taken
    once: Mask
    repeats: I64

    def traces(self, ids: U8, voted: Mask) -> Traces:
        """For verdicts. By trace: `ids` uint8[, 16], `voted`; see Traces."""
        taken, once = self.taken, self.once
        times = Times(taken.begins[once], taken.ends[once])
        return Traces(self._scanned, taken.place[once], ids, voted, times, taken.status[once])

    def pieces(self, traces: Mask) -> tuple[Pieces, I64]:
        """(requests with the spans of some traces, int64[spans in them]: the trace of each)."""
        chosen = self.once & traces[self.taken.place]
        return self.taken.pieces(chosen), self.taken.place[chosen]

    def _scanned(self) -> Scan:
        pieces = self.taken.pieces(self.once)
        return scan(Signal.TRACES, pieces.data, pieces.bounds, SPARE)


def distinct(taken: Taken, traces: int) -> Distinct:
    """Of so many traces."""
    again = duplicates(taken)
    return Distinct(taken, ~again, np.bincount(taken.place[again], minlength=traces))
