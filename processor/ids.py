"""Ids from hashes. Stable forever: they are stored, and a process that restarts must come to the same ones."""

from __future__ import annotations

import numpy as np

from schema.arrays import I64, U64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mixed(first: U64, *others: U64) -> U64:
    """One 64-bit hash a row of several 64-bit columns, which depends on their order (SplitMix64's finalizer)."""
    state = _finished(first + _GOLDEN)
    for column in others:
        state = _finished((state ^ column) + _GOLDEN)
    return state


def segment_sums(values: U64, offsets: I64) -> U64:
    """Sum, modulo 2^64, of values[offsets[i]:offsets[i + 1]] for each i: a hash of a set, in whatever order it came."""
    running = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values, out=running[1:])
    sums: U64 = running[offsets[1:]] - running[offsets[:-1]]
    return sums


def _finished(state: U64) -> U64:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
