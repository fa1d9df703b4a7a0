"""Requests, errors and durations: by hand, beside a plain account of the same spans, and within limits."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from otelhouse.bus.contract import Record
from processor.traces.cardinality import OVERFLOW, Admitted, Cardinality
from schema.signal import Signal
from tests.processor import oracle, requests
from tests.processor.traces.made import (
    CLIENT,
    CONSUMER,
    ERROR,
    INTERNAL,
    OK,
    PRODUCER,
    SERVER,
    T0,
    UNSET,
    Made,
    bucket,
    facts,
    measured,
    plain,
    record_of,
)

SECOND, DAY_MS = 1_000_000_000, 86_400_000


def rows(*spans: Made, limit: int = 100, dimensions: tuple[str, ...] = ()) -> pa.RecordBatch:
    return measured(facts([record_of(0, *spans)]), Cardinality(), max_series=limit, dimensions=dimensions)


def test_spans_of_a_series_and_ten_seconds_are_one_row() -> None:
    found = rows(
        Made(duration=1_000),
        Made(start=9 * SECOND, duration=1_000),
        Made(start=10 * SECOND, duration=3_000),
        Made(name="POST /"),
    )
    names = ("time", "service", "operation", "requests", "spans", "duration_ns", "buckets", "counts")
    time, *first = plain(found, *names)[0]
    assert time.timestamp() == T0 / 1e9
    assert first == ["shop", "GET /", 2.0, 2, 2_000.0, [bucket(1_000)], [2.0]]
    assert plain(found, "operation", "requests", "duration_ns")[1:] == [("GET /", 1.0, 3_000.0), ("POST /", 1.0, 1e6)]


@pytest.mark.parametrize(
    ("kind", "parent", "entry"),
    [
        (SERVER, 7, True),
        (CONSUMER, 7, True),
        (INTERNAL, 7, False),
        (CLIENT, 7, False),
        (PRODUCER, 7, False),
        (0, 7, False),
        (INTERNAL, 0, True),
        (CLIENT, 0, True),
        (9, 0, True),
    ],
)
def test_work_enters_a_service_by_requests_messages_and_roots(kind: int, parent: int, entry: bool) -> None:
    assert plain(rows(Made(kind=kind, parent=parent)), "entry", "kind") == [(entry, kind if kind <= CONSUMER else 0)]


def test_each_status_is_a_series() -> None:
    found = rows(*(Made(status=status) for status in (UNSET, ERROR, OK, ERROR, 7)))
    assert plain(found, "status", "spans") == [(UNSET, 2), (ERROR, 2), (OK, 1)]


def test_a_span_counts_for_those_it_stands_for() -> None:
    (row,) = plain(rows(Made(state="ot=th:c"), Made(state="ot=th:8")), "requests", "spans", "duration_ns", "counts")
    assert row == (6.0, 2, 6e6, [6.0])


def test_tenants_and_classes_are_kept_apart() -> None:
    records = [
        record_of(0, Made()),
        record_of(1, Made(), tenant="blue"),
        record_of(2, Made(), retention_class=3),
        record_of(3, Made()),
    ]
    found = measured(facts(records), Cardinality(), max_series=1)
    assert plain(found, "tenant", "class", "spans", "overflow") == [
        ("acme", 0, 2, False), ("blue", 0, 1, False), ("acme", 3, 1, False)]  # fmt: skip


def test_dimensions_are_looked_for_in_the_span_then_in_its_resource() -> None:
    found = rows(
        Made(attributes={"route": "/a"}, resource={"route": "/r", "zone": "eu"}),
        Made(resource={"route": "/r"}),
        Made(attributes={"code": 200}),
        Made(attributes={"zone": ""}),
        Made(),
        dimensions=("route", "code", "zone"),
    )
    assert [dict(each) for (each,) in plain(found, "dimensions")] == [
        {"route": "/a", "zone": "eu"}, {"route": "/r"}, {"code": "200"}, {"zone": ""}, {}]  # fmt: skip


def test_no_spans_are_no_rows() -> None:
    assert rows().num_rows == 0
    assert rows(dimensions=("a", "b")).num_rows == 0
    assert measured(facts([]), Cardinality(), dimensions=("a",)).num_rows == 0


def test_series_beyond_the_limit_are_counted_together() -> None:
    spans = [Made(name=f"GET /{n}") for n in range(3)]
    more = [Made(name="GET /8", status=ERROR), Made(name="GET /9", status=ERROR), Made(service="late", duration=5)]
    found = rows(*spans, *more, *spans, limit=3)
    names = ("service", "operation", "status", "overflow", "spans")
    assert plain(found, *names) == [
        *(("shop", f"GET /{n}", UNSET, False, 2) for n in range(3)),
        ("shop", OVERFLOW, ERROR, True, 2),
        (OVERFLOW, OVERFLOW, UNSET, True, 1),
    ]


def test_a_series_admitted_stays_for_the_day_and_the_next_begins_anew() -> None:
    cardinality = Cardinality()

    def operations(day: int, *names: str) -> list[str]:
        window = facts([record_of(0, *(Made(name=name) for name in names))], since_ms=day * DAY_MS)
        found = measured(window, cardinality, max_series=2)
        return found.column("operation").to_pylist()

    assert operations(1, "a") == ["a"]
    assert operations(1, "b", "c", "a") == ["b", OVERFLOW, "a"]
    assert operations(1, "d", "b") == [OVERFLOW, "b"]
    assert operations(2, "d", "b", "a") == ["d", "b", OVERFLOW]


def test_a_span_called_like_the_overflow_is_a_series_like_any() -> None:
    found = rows(Made(name=OVERFLOW), Made(name="b"), limit=1)
    assert plain(found, "operation", "overflow") == [(OVERFLOW, False), (OVERFLOW, True)]


def made_at_random(rng: random.Random, count: int) -> list[Record]:
    return [
        requests.record(
            Signal.TRACES, n, requests.traces(rng, 4), rng.choice(("acme", "blue")), rng.choice((0, 3)), n * 100
        )
        for n in range(count)
    ]


Key = tuple[Any, ...]


def counted(records: list[Record], dimensions: tuple[str, ...], limit: int) -> dict[Key, tuple[Any, ...]]:
    """What the rows must be, span by span."""
    admitted: dict[str, dict[Key, str]] = defaultdict(dict)
    sums: dict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    histograms: dict[Key, Counter[int]] = defaultdict(Counter)
    for each in records:
        said = dict(each.headers)
        tenant, retention_class = said["tenant"].decode(), int(said["class"])
        (parsed,) = requests.parsed(Signal.TRACES, [each.value])
        for group in parsed.resource_spans:  # type: ignore[union-attr] # of traces
            around = {a.key: oracle.text_of(a.value)[0] for a in reversed(group.resource.attributes)}
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    row = oracle.span_of(span)
                    found = around | {a.key: oracle.text_of(a.value)[0] for a in reversed(span.attributes)}
                    valued = {
                        a.key for a in (*group.resource.attributes, *span.attributes) if a.value.WhichOneof("value")
                    }
                    chosen = tuple((key, found[key]) for key in dimensions if key in found and key in valued)
                    service = oracle.service_of(group.resource)
                    entry = row["kind"] in (2, 5) or row["parent_id"] == "00" * 8
                    series: Key = (service, row["name"], row["kind"], row["status"], entry, chosen)
                    known = admitted[tenant]
                    if series in known or len(known) < limit:
                        known[series] = service
                    else:
                        known_service = service if service in known.values() else OVERFLOW
                        series = (known_service, OVERFLOW, row["kind"], row["status"], entry, ())
                    key = (tenant, retention_class, row["time"] // (10 * SECOND), *series)
                    weight = row["adjusted_count"]
                    for place, added in enumerate((weight, 1, weight * row["duration_ns"])):
                        sums[key][place] += added
                    histograms[key][bucket(row["duration_ns"])] += weight
    return {key: (*values, dict(histograms[key])) for key, values in sums.items()}


@pytest.mark.parametrize(("seed", "limit"), [(1, 10_000), (2, 40), (3, 7), (4, 0)])
@pytest.mark.parametrize("dimensions", [(), ("host.name", "http.method", "process.pid")])
def test_rows_are_what_counting_span_by_span_says(seed: int, limit: int, dimensions: tuple[str, ...]) -> None:
    records = made_at_random(random.Random(seed), 60)
    found = measured(facts(records), Cardinality(), max_series=limit, dimensions=dimensions)
    key = ("tenant", "class", "time", "service", "operation", "kind", "status", "entry", "dimensions")
    values = ("requests", "spans", "duration_ns", "buckets", "counts")
    actual = {}
    for tenant, kept, time, *series, said, requests_, spans, duration, buckets, counts in plain(found, *key, *values):
        assert buckets == sorted(set(buckets))
        place = (tenant, kept, int(time.timestamp()) // 10, *series, tuple(said))
        assert place not in actual
        actual[place] = (requests_, float(spans), duration, dict(zip(buckets, counts, strict=True)))
    expected = counted(records, dimensions, limit)
    assert actual.keys() == expected.keys()
    for place, (requests_, spans, duration, histogram) in expected.items():
        assert actual[place] == (requests_, spans, pytest.approx(duration), histogram), place


@pytest.mark.parametrize("seed", range(3))
def test_a_day_cut_anywhere_and_restored_from_its_rows_goes_on_the_same(seed: int) -> None:
    rng = random.Random(seed)
    records = made_at_random(rng, 40)
    cuts = [0, *sorted(rng.sample(range(1, 40), 6)), 40]
    windows = [facts(records[a:b], end=b, since_ms=19_700 * DAY_MS) for a, b in pairwise(cuts)]
    whole, stored = Cardinality(), []
    rule = {"max_series": 20, "dimensions": ("host.name",)}
    for window in windows:
        restored = Cardinality()
        restored.restore(19_700, (row for part in stored for row in admitted_rows(part)))
        expected = measured(window, whole, **rule)
        assert measured(window, restored, **rule).equals(expected)
        stored.append(expected)


def admitted_rows(rows: pa.RecordBatch) -> list[Admitted]:
    """What the query would find, repeated rows and all."""
    return [
        Admitted(*values, dict(dimensions))
        for *values, dimensions, overflow in plain(rows, *Admitted._fields, "overflow")
        if not overflow
    ]
