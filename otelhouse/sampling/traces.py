"""The traces of a scan: which spans are whose, and what policies ask of whole traces."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from schema.arrays import I32, I64, U8, U64, Mask
from schema.wire import Scan
from schema.wire.split import split


class Times(NamedTuple):
    """By span, Unix nanoseconds."""

    begins: U64
    ends: U64


class Traces:
    """`of_span` int64[spans]: the trace of each; `ids` uint8[traces, 16]; `voted` bool[traces]: an exemplar points to
    it. `scan` may be a function that makes it: it is called if a policy asks for more than `times` and `status`."""

    def __init__(
        self,
        scan: Scan | Callable[[], Scan],
        of_span: I64,
        ids: U8,
        voted: Mask | None = None,
        times: Times | None = None,
        status: I32 | None = None,
    ) -> None:
        self._scan = scan
        self._times = times
        self._status = status
        self.of_span = of_span
        self.ids = ids
        self.voted: Mask = np.zeros(len(ids), np.bool_) if voted is None else voted

    @cached_property
    def scan(self) -> Scan:
        """All of the spans."""
        return self._scan if isinstance(self._scan, Scan) else self._scan()

    @property
    def times(self) -> Times:
        """When each span begins and ends."""
        if self._times is None:
            items = self.scan.items
            self._times = Times(items["start_time_unix_nano"], items["end_time_unix_nano"])
        return self._times

    @property
    def status(self) -> I32:
        """int32[spans]: the code of each span's status."""
        if self._status is None:
            self._status = self.scan.items.numbers("status.code")
        return self._status

    @classmethod
    def of(cls, scan: Scan) -> Traces:
        """Grouped by trace id, numbered by their first span."""
        halves = np.ascontiguousarray(scan.items["trace_id"].fixed(16)).view(np.uint64).reshape(-1, 2)
        by_id = np.lexsort((halves[:, 1], halves[:, 0]))  # stable, so that each group begins with its first span
        begins = np.ones(len(by_id), np.bool_)
        begins[1:] = (halves[by_id[1:]] != halves[by_id[:-1]]).any(axis=1)
        first = by_id[begins]
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        of_span = np.empty(len(by_id), np.int64)
        of_span[by_id] = rank[np.cumsum(begins) - 1]
        return cls(scan, of_span, halves[np.sort(first)].view(np.uint8).reshape(-1, 16))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def span_count(self) -> I64:
        """int64[traces]: spans, repeated ones included."""
        return np.bincount(self.of_span, minlength=len(self)).astype(np.int64)

    @cached_property
    def order(self) -> I64:
        """int64[spans]: rows of spans, trace by trace, as they came."""
        return np.argsort(self.of_span, kind="stable").astype(np.int64)

    @cached_property
    def starts(self) -> I64:
        """int64[traces + 1]: where in `order` each trace begins."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.span_count)])

    @cached_property
    def size_bytes(self) -> I64:
        """int64[traces]: bytes of a request that holds nothing but the trace."""
        sizes = np.zeros(len(self), np.int64)
        for piece in split(self.scan, self.of_span.astype(np.int32), max_bytes=1 << 30).pieces:
            sizes[piece.group] += len(piece.value)
        return sizes

    def any(self, spans: Mask) -> Mask:
        """bool[traces]: those with such a span; `spans` bool[spans]."""
        found = np.zeros(len(self), np.bool_)
        found[self.of_span[spans]] = True
        return found
