"""What steps do to a batch: leave items out, change bytes, see whose they are."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.batch import Batch, Call, Reason
from ingest.steps.scan import scan
from ingest.steps.split import Split
from otelhouse.keys import Tenant
from schema.record import parse_headers
from schema.signal import Signal
from schema.wire import Owner
from tests.ingest.requests import gauge, metrics, span, trace_id, traces
from tests.support.ingest import decode

ACME, ZOO = Tenant("acme"), Tenant("zoo")


class FourPartitions:
    def partitions(self, _: object) -> int:
        return 4


def batch(signal: Signal, *calls: tuple[Tenant, object]) -> Batch:
    return scan(signal, [Call(tenant, request.SerializeToString()) for tenant, request in calls])  # type: ignore[attr-defined]


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)


def replace(made: Batch, owner: Owner, key: bytes, new: bytes) -> None:
    """Edit the value of an attribute wherever the owner has it."""
    found = made.scan.find(owner, key)
    for value in found[found >= 0].tolist():
        slices = made.scan.attributes.slices("value")
        off, length = int(slices.off[value]), int(slices.len[value])
        made.edits.replace_one(off, off + length, new)


def test_items_are_left_out_by_reason_and_by_cause_and_both_are_counted_by_call() -> None:
    made = batch(Signal.TRACES, (ACME, traces(*(span("a") for _ in range(3)))), (ACME, traces(span("b"))))
    made.reject(rows(0), Reason.INVALID_ID)
    made.drop(rows(1, 3), "control:noise")
    made.drop(rows(2), "control:noise")
    assert made.keep.tolist() == [False] * 4
    assert made.received.tolist() == [3, 1]
    assert made.rejected[Reason.INVALID_ID].tolist() == [1, 0]
    assert made.dropped["control:noise"].tolist() == [2, 1]
    assert made.outcome(0, lost=False).rejected == 1  # type: ignore[union-attr]
    assert made.outcome(1, lost=False).rejected == 0  # type: ignore[union-attr]


def test_tenants_see_their_own_kept_items() -> None:
    calls = ((ACME, traces(span("a"))), (ZOO, traces(span("b"), span("c"))), (ACME, traces(span("d"))))
    made = batch(Signal.TRACES, *calls)
    assert [(tenant.id, mine.tolist()) for tenant, mine in made.by_tenant()] == [("acme", [0, 3]), ("zoo", [1, 2])]
    made.drop(rows(0, 3), "degrade:ok")
    made.drop(rows(1), "degrade:ok")
    assert [(tenant.id, mine.tolist()) for tenant, mine in made.by_tenant()] == [("zoo", [2])]


def test_edits_that_are_applied_keep_rows_and_what_was_left_out() -> None:
    made = batch(Signal.TRACES, (ACME, traces(span("secret"), span("other"))))
    made.drop(rows(1), "control:x")
    name = made.scan.items.slices("name")
    made.edits.replace_one(int(name.off[0]), int(name.off[0] + name.len[0]), b"*" * 300)
    made.apply_edits()
    assert made.scan.items["name"].tolist() == [b"*" * 300, b"other"]
    assert made.keep.tolist() == [True, False]
    assert len(made.edits) == 0


def test_points_that_edits_take_away_are_counted_and_weigh_no_more() -> None:
    made = batch(Signal.METRICS, (ACME, metrics(gauge("m", 1, 2, 3))))
    points = made.scan.points
    made.edits.replace_one(int(points.tag[1]), int(points.end[1]), b"")
    made.drop_points(rows(0), rows(1), "control:labels")
    made.apply_edits()
    assert made.weights.tolist() == [2]
    assert made.received.tolist() == [3]
    assert made.dropped["control:labels"].tolist() == [1]


def test_split_writes_the_edits_into_the_records() -> None:
    made = batch(Signal.TRACES, (ACME, traces(*(span("x", trace_id(n)) for n in range(64)), service="secret-shop")))
    replace(made, Owner.RESOURCE, b"service.name", b"masked")
    Split(FourPartitions())(made)  # type: ignore[arg-type]
    assert sum(part.items for part in made.parts) == 64
    assert len(made.parts) == 4
    for part in made.parts:
        assert b"secret-shop" not in part.record.value
        request = decode(Signal.TRACES, part.record.value)
        assert request.resource_spans[0].resource.attributes[0].value.string_value == "masked"  # type: ignore[attr-defined]


def partition(made: Batch) -> int:
    Split(FourPartitions())(made)  # type: ignore[arg-type]
    (part,) = made.parts
    assert parse_headers(part.record.headers)
    return part.record.partition


@pytest.mark.parametrize("name", ["api", "db", "web", "queue", "mail"])
def test_a_metric_goes_where_its_edited_name_belongs(name: str) -> None:
    """A series lives in one partition, whether a rule renamed it or it came under that name."""
    made = batch(Signal.METRICS, (ACME, metrics(gauge("before", 1))))
    column = made.scan.items.slices("name")
    made.edits.replace_one(int(column.off[0]), int(column.off[0] + column.len[0]), name.encode())
    assert partition(made) == partition(batch(Signal.METRICS, (ACME, metrics(gauge(name, 1)))))
