"""Rows of `red`: requests, errors and durations of spans, before any is sampled.

Semantics of the Collector's spanmetrics connector: a series is a service, operation (the span's name), kind, status
and the values of chosen attributes, looked for in the span, then in its resource; a missing one is left out. Each span
counts for as many as it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otelhouse.rules.documents.span_metrics import SpanMetrics
from processor.columns import block, place, rows_of
from processor.resources import attribute_texts
from processor.rules import InForce
from processor.traces.cardinality import (
    CODES,
    OVERFLOW,
    Cardinality,
    codes_of,
    dimension_hash,
    series_hashes,
)
from processor.traces.facts import CONSUMER, SERVER, SpanFacts, bucket_times
from processor.traces.groups import Groups
from schema.arrays import I64, U64, Mask
from schema.arrow import RED
from schema.hash import xxh64_bytes
from schema.wire import Owner

_CLASSES = 256


@dataclass(frozen=True, slots=True)
class _Dimension:
    """An attribute: by span the number of its value, 0 where it has none, or its tenant did not ask for it."""

    key: str
    code: I64
    values: pa.Array

    def hashes(self, rows: I64) -> U64:
        """What it adds to the hash of the series of these spans."""
        texts = [xxh64_bytes(text.encode()) for text in self.values.to_pylist()]
        found = np.concatenate([np.zeros(1, np.uint64), dimension_hash(self.key, np.array(texts, np.uint64))])
        return found[self.code[rows]]


@dataclass(frozen=True, slots=True)
class _Series:
    """Series of a window, once for each version of a rule: which spans are whose; which are the same under another
    version; whether each is beyond the limit, and so is its service."""

    groups: Groups
    same: I64
    overflow: Mask
    unknown: Mask


def red_rows(facts: SpanFacts, rules: InForce[SpanMetrics], cardinality: Cardinality) -> pa.RecordBatch:
    """One row for each (tenant, class, series, ten seconds of the spans' start) of the spans.

    `rules`: those in force at the batch's records.
    """
    batch = facts.batch
    dimensions = _dimensions(facts, rules)
    codes = _codes(facts)
    series = _series(facts, rules, codes, dimensions, cardinality)
    rows = _rows(facts, codes, series)
    first = rows.first
    of_series = series.groups.of_row[first]
    overflow, unknown = series.overflow[of_series], series.unknown[of_series]
    buckets, counts = rows.histograms(facts.duration, facts.weight)
    columns = place(batch, facts.call[first]) | {
        "time": bucket_times(facts.bucket[first]),
        "service": _services(facts, first, unknown),
        "operation": pc.if_else(pa.array(overflow), OVERFLOW, facts.column("name").take(first).to_arrow()),
        "kind": pa.array(facts.kind[first].astype(np.uint8)),
        "status": pa.array(facts.status[first].astype(np.uint8)),
        "entry": pa.array(codes[first] % 2 == 1),
        "dimensions": _maps(dimensions, first, overflow),
        "overflow": pa.array(overflow),
        "requests": pa.array(rows.sums(facts.weight)),
        "spans": pa.array(np.bincount(rows.of_row, minlength=len(rows)).astype(np.uint64)),
        "duration_ns": pa.array(rows.sums(facts.duration * facts.weight)),
        "buckets": buckets,
        "counts": counts,
    }
    return rows_of(RED, columns | block(batch, len(rows)))


def _codes(facts: SpanFacts) -> I64:
    entry = (facts.kind == SERVER) | (facts.kind == CONSUMER) | ~facts.has_parent
    return codes_of(facts.kind, facts.status, entry.astype(np.int64))


def _series(
    facts: SpanFacts,
    rules: InForce[SpanMetrics],
    codes: I64,
    dimensions: list[_Dimension],
    cardinality: Cardinality,
) -> _Series:
    version = rules.of_call[facts.call]
    groups = facts.operations.split(version * CODES + codes, len(rules.says) * CODES)
    for dimension in dimensions:
        groups = groups.split(dimension.code, len(dimension.values) + 1)
    first = groups.first
    service = np.array([xxh64_bytes(text.encode()) for text in facts.services.to_pylist()], np.uint64)
    service = service[facts.service[first]]
    parts = np.zeros(len(first), np.uint64)
    for dimension in dimensions:
        parts += dimension.hashes(first)
    tenant = facts.batch.tenant_hash[facts.call[first]]
    hashes = series_hashes(tenant, service, facts.column("name").take(first).hash(), codes[first], parts)
    limits = [
        (facts.batch.tenants[place], says.max_series)
        for place, says in zip(rules.tenant.tolist(), rules.says, strict=True)
    ]
    admitted, known = cardinality.admit(facts.batch.window.day, limits, version[first], hashes, service)
    return _Series(groups, Groups.by(hashes.view(np.int64)).of_row, ~admitted, ~admitted & ~known)


def _rows(facts: SpanFacts, codes: I64, series: _Series) -> Groups:
    """Groups of spans that are one row: of the same series, or all beyond the limit."""
    first, count = series.groups.first, len(series.groups)
    services = len(facts.services) + 1
    service = np.where(series.unknown, services - 1, facts.service[first])
    beyond = (facts.tenant[first] * CODES + codes[first]) * services + service
    merged = np.where(series.overflow, count + beyond, series.same)
    groups = Groups.by(merged[series.groups.of_row] * _CLASSES + facts.retention_class)
    times = Groups.by(facts.bucket)
    return groups.split(times.of_row, max(1, len(times)))


def _services(facts: SpanFacts, rows: I64, unknown: Mask) -> pa.Array:
    texts = facts.services.cast(pa.string())
    beyond = pc.index(texts, OVERFLOW).as_py()
    if beyond < 0:  # a service may be called so, and ClickHouse takes no words that are there twice
        beyond, texts = len(texts), pa.concat_arrays([texts, pa.array([OVERFLOW])])
    places = np.where(unknown, beyond, facts.service[rows]).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places), texts)


def _dimensions(facts: SpanFacts, rules: InForce[SpanMetrics]) -> list[_Dimension]:
    """All that any span's rule asks for, by key."""
    keys = sorted({key for says in rules.says for key in says.dimensions})
    found = []
    for key in keys:
        asks = np.array([key in says.dimensions for says in rules.says])
        spans = np.flatnonzero(asks[rules.of_call[facts.call]])
        if len(spans):
            found.append(_dimension(facts, key, spans))
    return found


def _dimension(facts: SpanFacts, key: str, spans: I64) -> _Dimension:
    """Of these spans."""
    own = attribute_texts(facts.batch, Owner.ITEM, key.encode(), facts.rows[spans])
    around = attribute_texts(facts.batch, Owner.RESOURCE, key.encode()).take(pa.array(facts.resource[spans]))
    found = pc.coalesce(own, around).dictionary_encode()
    codes = np.zeros(len(facts), np.int64)
    codes[spans] = pc.fill_null(found.indices, -1).to_numpy().astype(np.int64) + 1
    return _Dimension(key, codes, found.dictionary)


def _maps(dimensions: list[_Dimension], rows: I64, without: Mask) -> pa.Array:
    """The dimensions of these spans as maps, empty for those `without`."""
    codes = np.array([np.where(without, 0, each.code[rows]) for each in dimensions], np.int64)
    codes = codes.reshape(len(dimensions), len(rows)).T
    row, which = np.nonzero(codes)
    begins = np.cumsum([0, *(len(each.values) for each in dimensions)])
    values = pa.concat_arrays([pa.array([], pa.string()), *(each.values.cast(pa.string()) for each in dimensions)])
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=len(rows)), out=offsets[1:])
    keys = pa.array([each.key for each in dimensions], pa.string()).take(pa.array(which))
    return pa.MapArray.from_arrays(
        pa.array(offsets), keys, values.take(pa.array(begins[which] + codes[row, which] - 1))
    )
