"""Users' RE2 patterns over the leaves of those tenants that have some: native, over all leaves at once (ADR 0007)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ingest.masking.context import END, POLICY, SPAN, START
from ingest.masking.rules import MaskingPolicy, PolicyTable
from schema.wire import Slices

_MARK = secrets.token_bytes(16).hex().encode()
"""Stands before and after a match while matches are counted out; nobody outside can know it."""


MOST_FOUND = 1 << 20
"""Leaves, and spans, of a batch at most: what is known of each takes some 150 bytes while they are rewritten."""


class TooMuchFound(Exception):
    """There is more to take out of a batch than we have memory for."""


def find_patterns(
    data: npt.NDArray[np.uint8], leaves: npt.NDArray[np.int64], table: PolicyTable
) -> Iterator[npt.NDArray[np.int64]]:
    """Spans int64[n, 4] of each pattern in the leaves of the policies that have it. Raises TooMuchFound."""
    for number, policy in enumerate(table.policies):
        if policy.patterns:
            rows = np.flatnonzero(leaves[:, POLICY] == number)
            if len(rows):
                yield from _of_policy(data, leaves, rows, policy)


def _of_policy(
    data: npt.NDArray[np.uint8], leaves: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], policy: MaskingPolicy
) -> Iterator[npt.NDArray[np.int64]]:
    import pyarrow.compute as pc  # only where somebody has a pattern: it costs 38 MB

    start, end = leaves[rows, START], leaves[rows, END]
    texts = Slices(data, start, end - start).to_arrow()
    found = 0
    for pattern, rule in policy.patterns:
        hit = np.flatnonzero(pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False))
        if not len(hit):
            continue
        # Each match takes many times its own bytes below.
        found += pc.sum(pc.count_substring_regex(texts.take(hit), pattern)).as_py()
        if found > MOST_FOUND:
            raise TooMuchFound
        marked = pc.replace_substring_regex(
            texts.take(hit), f"({pattern})", f"{_MARK.decode()}\\1{_MARK.decode()}"
        ).cast("binary")
        spans = [
            (int(rows[leaf]), int(start[leaf]) + first, int(start[leaf]) + last, rule)
            for leaf, text in zip(hit.tolist(), marked.to_pylist(), strict=True)
            for first, last in _counted_out(text)
        ]
        yield np.array(spans, np.int64).reshape(-1, SPAN)


def _counted_out(text: bytes) -> Iterator[tuple[int, int]]:
    """Where matches stood before the marks were put around them."""
    at = 0
    for place, piece in enumerate(text.split(_MARK)):
        if place % 2 and piece:
            yield at, at + len(piece)
        at += len(piece)
