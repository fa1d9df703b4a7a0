"""Buckets of durations: 16 for each doubling of nanoseconds, the same for every histogram, so that any two add up.

Bucket i >= 0 holds durations of [2^(i/16), 2^((i+1)/16)) ns: told by its middle, one is 2.2 % off at worst. Bucket -1
holds those of nothing. The bounds are exact integers: which bucket a duration falls in is the same on every machine.
"""

from __future__ import annotations

from math import isqrt

PER_DOUBLING = 16
NOTHING = -1
"""The bucket of spans that took no time, or ended before they began."""
LAST = 63 * PER_DOUBLING - 1
"""The bucket of the longest duration, 2^63 - 1 ns."""

BUCKET_SECONDS = 10
"""How finely time is cut in the tables of what was measured of spans."""


def _bound(step: int) -> int:
    """The smallest integer that is not below 2^63 * 2^(step / 16): a 16th root, as four square roots."""
    root = 1 << (63 * PER_DOUBLING + step)
    for _ in range(4):
        root = isqrt(root)
    return root + (1 if step else 0)


BOUNDS = tuple(_bound(step) for step in range(PER_DOUBLING))
"""Where the buckets of a doubling begin, for durations shifted to have 64 bits."""


def middle(bucket: int) -> float:
    """The duration, in nanoseconds, that stands for those of a bucket."""
    return 0.0 if bucket < 0 else float(2 ** ((bucket + 0.5) / PER_DOUBLING))
