"""Columns of a window's spans that more than one measure asks for, each made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from processor.batch import Batch
from processor.resources import Resources
from processor.traces.groups import Groups
from processor.traces.spans import durations
from processor.traces.weight import adjusted_counts
from schema.arrays import F64, I32, I64, U64, Mask
from schema.durations import BUCKET_SECONDS
from schema.wire.distinct import distinct

LAST_KIND, LAST_STATUS = 5, 2
SERVER, CLIENT, PRODUCER, CONSUMER, ERROR = 2, 3, 4, 5, 2
_LAST_NS = np.uint64(2**63 - 1)
_BUCKET_NS = BUCKET_SECONDS * 1_000_000_000


class SpanFacts:
    """By span, unless said otherwise: of all in the batch, or of those in the rows `chosen` of its scan's items."""

    def __init__(self, batch: Batch, resources: Resources, chosen: I64 | None = None) -> None:
        self.batch = batch
        self.resources = resources
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self.call)

    def of(self, calls: Mask) -> SpanFacts:
        """Of the spans in these calls alone, where this is of all."""
        if calls.all():
            return self
        return SpanFacts(self.batch, self.resources, np.flatnonzero(calls[self.call]))

    @cached_property
    def rows(self) -> I64:
        """The row of the scan's items."""
        return np.arange(len(self)) if self._chosen is None else self._chosen

    @cached_property
    def call(self) -> I32:
        """The call that it came in."""
        calls: I32 = self.batch.scan.items.call
        return calls if self._chosen is None else calls[self._chosen]

    def column(self, name: str) -> Any:
        """A column of the scan's items."""
        items = self.batch.scan.items
        return items[name] if self._chosen is None else items.of_rows(name, self._chosen)

    @cached_property
    def tenant(self) -> I64:
        """Place among the batch's tenants."""
        return self.batch.tenant[self.call].astype(np.int64)

    @cached_property
    def retention_class(self) -> I64:
        """The class of the record."""
        return self.batch.retention_class[self.call].astype(np.int64)

    @cached_property
    def services(self) -> pa.Array:
        """The distinct services, by number."""
        return self.resources.services.dictionary

    @cached_property
    def resource(self) -> I32:
        """The row of the scan's resources."""
        found: I32 = self.batch.scan.resource_of_items
        return found if self._chosen is None else found[self._chosen]

    @cached_property
    def service(self) -> I64:
        """Number among `services`."""
        of_resources: I64 = self.resources.services.indices.to_numpy().astype(np.int64)
        return of_resources[self.resource]

    @cached_property
    def operations(self) -> Groups:
        """Spans of the same service and name."""
        named = self.column("name")
        name, names = distinct(named)
        # A name that is absent is empty, too.
        return Groups.by(self.service * (len(names) + 1) + np.where(named.len > 0, name + 1, 0))

    @cached_property
    def kind(self) -> I64:
        """As it is stored: 0 to 5."""
        return _within(self.column("kind"), LAST_KIND)

    @cached_property
    def status(self) -> I64:
        """As it is stored: 0 to 2."""
        return _within(self.column("status.code"), LAST_STATUS)

    @cached_property
    def has_parent(self) -> Mask:
        """Whether there is a parent's id."""
        found: Mask = self.column("parent_span_id").are_ids(8)
        return found

    @cached_property
    def duration(self) -> I64:
        """Nanoseconds."""
        return durations(self.column("start_time_unix_nano"), self.column("end_time_unix_nano"))

    @cached_property
    def bucket(self) -> I64:
        """The start, in multiples of BUCKET_SECONDS since the epoch."""
        starts: U64 = np.minimum(self.column("start_time_unix_nano"), _LAST_NS)
        return starts.astype(np.int64) // _BUCKET_NS

    @cached_property
    def weight(self) -> F64:
        """How many spans each stands for."""
        return adjusted_counts(self.column("trace_state").to_arrow())

    @cached_property
    def log_ms(self) -> I64:
        """Log time at the span's record."""
        return self.batch.log_ms[self.call]


def bucket_times(buckets: I64) -> pa.Array:
    """Buckets as the timestamps at which they begin."""
    return pa.array(buckets * BUCKET_SECONDS).cast(pa.timestamp("s", "UTC"))


def _within(values: I64, last: int) -> I64:
    return np.where((values >= 0) & (values <= last), values, 0).astype(np.int64)
