"""probabilistic: a share of the traces, by a hash of the trace id.

As the peer does without its feature gate `usetracestate`: FNV-1a of salt and id, 64 bits, at most the share of
2^64 - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from otelhouse.sampling.policy import Decisions, decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import U64, Mask

DEFAULT_SALT = "default-hash-seed"
RANDOMNESS_BITS = 56
_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_MOST = (1 << 64) - 1


@dataclass(frozen=True)
class Probabilistic:
    """`percentage`: 100 and more keeps all, 0 and less nothing."""

    percentage: float
    salt: str = DEFAULT_SALT

    @property
    def threshold(self) -> int:
        """2^56 less the share of it that is kept."""
        return (1 << RANDOMNESS_BITS) - round(self.probability * (1 << RANDOMNESS_BITS))

    @property
    def probability(self) -> float:
        """The share as a number from 0 to 1."""
        return min(max(self.percentage / 100, 0.0), 1.0)

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return decisions(self._hashes(traces) <= np.uint64(_bound(self.percentage / 100)))

    def _hashes(self, traces: Traces) -> U64:
        state = _OFFSET
        for byte in self.salt.encode():
            state = (state ^ byte) * _PRIME & _MOST
        hashes = np.full(len(traces), state, np.uint64)
        for column in traces.ids.T:
            hashes = (hashes ^ column) * np.uint64(_PRIME)
        return hashes


def _bound(ratio: float) -> int:
    """The share of 2^64 - 1, rounded to 64 significant bits as the peer's product of big floats is, then cut."""
    if ratio <= 0:
        return 0
    exact = _MOST * Fraction(ratio)
    if exact >= _MOST:
        return _MOST
    shift = 64 - max(exact.numerator // exact.denominator, 1).bit_length()
    rounded = round(exact * (1 << shift))  # halves to even
    return min(rounded >> shift, _MOST)
