"""What is shed at each level, and what the rest says of itself; on the official library's bytes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ingest.batch import Batch, Call
from ingest.degrade.ladder import LEVELS
from ingest.steps.degrade import Degrade
from ingest.steps.scan import scan
from otelhouse.keys import Tenant
from schema.signal import Signal
from schema.wire.split import split
from tests.ingest.requests import Request, gauge, logs, metrics, span, traces

HALF = LEVELS.index(next(level for level in LEVELS if level.threshold))
LAST = len(LEVELS) - 1


def _shed(signal: Signal, level: int, request: Request) -> tuple[Batch, Any]:
    batch = scan(signal, [Call(Tenant("shop"), request.SerializeToString())])
    Degrade(lambda: level)(batch)
    pieces = split(batch.scan, np.where(batch.keep, 0, -1).astype(np.int32)).pieces
    return batch, type(request).FromString(b"".join(piece.value for piece in pieces))


def _spans(request: Any) -> list[Span]:
    return [item for group in request.resource_spans for scope in group.scope_spans for item in scope.spans]


def _trace(randomness: int) -> bytes:
    return b"\xaa" * 9 + randomness.to_bytes(7, "big")


@pytest.mark.parametrize(
    ("level", "left"),
    [
        (0, [0, 1, 4, 5, 8, 9, 12, 13, 17, 24]),
        (1, [0, 9, 12, 13, 17, 24]),
        (LAST - 1, [0, 9, 12, 13, 17, 24]),
        (LAST, [0, 13, 17, 24]),
    ],
)
def test_logs_by_severity(level: int, left: list[int]) -> None:
    numbers = [0, 1, 4, 5, 8, 9, 12, 13, 17, 24]
    request = logs(*(LogRecord(severity_number=n, body=AnyValue(int_value=n)) for n in numbers))
    batch, sent = _shed(Signal.LOGS, level, request)
    records = sent.resource_logs[0].scope_logs[0].log_records
    assert [record.severity_number for record in records] == left
    assert sum(int(counts.sum()) for counts in batch.dropped.values()) == len(numbers) - len(left)
    assert set(batch.dropped) <= {"degrade:debug_logs", "degrade:info_logs"}


def test_metrics_are_never_shed() -> None:
    request = metrics(gauge("a", 1, 2))
    assert _shed(Signal.METRICS, LAST, request)[1] == request


MAX = (1 << 56) - 1
MIDDLE = 1 << 55
SPANS = [
    # trace state, randomness of the trace id -> trace state after sampling at 1 in 2 (th:8), None: shed
    ("", MIDDLE, "ot=th:8"),
    ("", MIDDLE - 1, None),
    ("", MAX, "ot=th:8"),
    ("ot=th:0", MAX, "ot=th:8"),
    ("ot=th:4", MIDDLE, "ot=th:8"),
    ("ot=th:4", MIDDLE - 1, None),
    ("ot=th:8", MIDDLE, "ot=th:8"),
    ("ot=th:c", MAX, "ot=th:c"),  # sampled harder before: stays
    ("vendor=1,ot=th:c", MAX, "vendor=1,ot=th:c"),
    ("ot=th:c", MIDDLE, "ot=th:8"),  # its own randomness contradicts it: it says nothing
    ("ot=th:c", MIDDLE - 1, None),
    ("ot=rv:80000000000000", 0, "ot=th:8;rv:80000000000000"),
    ("ot=rv:7fffffffffffff", MAX, None),
    ("ot=th:e;rv:f0000000000000", 0, "ot=th:e;rv:f0000000000000"),
    ("vendor=1", MAX, "ot=th:8,vendor=1"),
    ("broken", MAX, "ot=th:8"),
]


@pytest.mark.parametrize(("state", "randomness", "after"), SPANS)
def test_spans_are_sampled_consistently_and_head_sampling_is_honoured(
    state: str, randomness: int, after: str | None
) -> None:
    request = traces(span("a", _trace(randomness)), span("neighbour", _trace(MAX)))
    _spans(request)[0].trace_state = state
    batch, sent = _shed(Signal.TRACES, HALF, request)
    assert [each.trace_state for each in _spans(sent)] == [*([] if after is None else [after]), "ot=th:8"]
    for each in _spans(sent):
        before = next(one for one in _spans(request) if one.name == each.name)
        before.trace_state = each.trace_state
        assert each == before
    assert {cause: int(n.sum()) for cause, n in batch.dropped.items()} == ({"degrade:spans": 1} if not after else {})


def test_errors_are_never_shed_and_say_nothing_new() -> None:
    failed = span("failed", _trace(0))
    failed.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR))
    _, sent = _shed(Signal.TRACES, LAST, traces(failed, span("fine", _trace(0))))
    assert _spans(sent) == [failed]


def test_a_span_whose_trace_id_has_an_odd_header_gets_its_trace_state_too() -> None:
    usual = span("a", _trace(MAX))
    body = usual.SerializeToString()
    assert body[:2] == b"\x0a\x10"
    odd = b"\x0a\x90\x00" + body[2:]
    request = b"\x12" + bytes((len(odd),)) + odd
    request = b"\x0a" + bytes((len(request) + 2,)) + b"\x12" + bytes((len(request),)) + request
    batch = scan(Signal.TRACES, [Call(Tenant("shop"), request)])
    Degrade(lambda: HALF)(batch)
    usual.trace_state = "ot=th:8"
    assert batch.scan.items["trace_state"].tolist() == [b"ot=th:8"]
    assert Span.FromString(batch.scan.items.body[0]) == usual


def test_the_same_traces_stay_at_every_level_and_counts_add_up() -> None:
    generator = np.random.default_rng(7)
    ids = [bytes(generator.bytes(16)) for _ in range(4000)]
    kept: list[set[bytes]] = []
    for level in range(HALF, LAST):
        batch, sent = _shed(Signal.TRACES, level, traces(*(span("a", each) for each in ids)))
        spans = _spans(sent)
        threshold = LEVELS[level].threshold
        assert len(spans) * (1 << 56) / ((1 << 56) - threshold) == pytest.approx(len(ids), rel=0.2)
        assert int(batch.dropped["degrade:spans"].sum()) + len(spans) == len(ids)
        kept.append({each.trace_id for each in spans})
    assert all(later < earlier for earlier, later in pairwise(kept))
