"""The spans of whole traces, scanned, without those that came twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from processor.memory import SPARE
from processor.sampling.buffer import Pieces
from processor.sampling.duplicates import duplicates
from schema.arrays import I64
from schema.signal import Signal
from schema.wire import Scan, outline
from schema.wire.split import pack


@dataclass(frozen=True, slots=True)
class Distinct:
    """`pieces` of traces, and their `scan`; `repeats` int64[traces]: spans that were left out."""

    pieces: Pieces
    scan: Scan
    repeats: I64

    @property
    def of_span(self) -> I64:
        """int64[spans]: the trace of each."""
        return self.pieces.place[self.scan.items.call]

    @property
    def spans_in(self) -> I64:
        """int64[pieces]: how many spans each has."""
        return np.bincount(self.scan.items.call, minlength=len(self.pieces.place))


def distinct(pieces: Pieces, traces: int) -> Distinct:
    """Scan the pieces of so many traces."""
    found = outline(Signal.TRACES, pieces.data, pieces.bounds, SPARE)
    again = duplicates(found, pieces.place[found.items.call])
    repeats = np.bincount(pieces.place[found.items.call[again]], minlength=traces)
    if again.any():
        packed = pack(found, np.where(again, -1, found.items.call).astype(np.int32))
        pieces = Pieces(packed.data, packed.bounds, pieces.place[packed.group])
        found = outline(Signal.TRACES, packed.data, packed.bounds, SPARE)
    return Distinct(pieces, found, repeats)
