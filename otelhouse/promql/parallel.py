"""Spreads a kernel over the processor's cores: kernels hold no lock of the interpreter, and series are independent."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from schema.arrays import I64

_LEAST_WORK = 200_000
"""Samples and cells of one part: less is not worth a thread's start (about 50 us)."""
_CORES = len(os.sched_getaffinity(0))
_pool = ThreadPoolExecutor(_CORES, thread_name_prefix="promql")


def by_series(run: Callable[[int, int], object], offsets: I64, steps: int) -> None:
    """Calls run(first, last) for parts of the series, offsets' and rows', which together are all of them."""
    series = len(offsets) - 1
    work = int(offsets[-1] - offsets[0]) + series * steps if series else 0
    parts = max(1, min(_CORES, work // _LEAST_WORK, series))
    bounds = np.linspace(0, series, parts + 1).astype(int).tolist()
    waiting = [_pool.submit(run, first, last) for first, last in pairwise(bounds[1:])]
    run(bounds[0], bounds[1])
    for each in waiting:
        each.result()
