"""What the receiver answers when a step before or behind it refuses; no server, no log."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from ingest.answer import Accepted, Code, Refused
from ingest.receivers.remote_write import RemoteWriteReceiver, WriteAnswer
from ingest.remote_write.metadata import MAX_FAMILIES, Metadata
from schema.remote_write.convert import Family
from schema.remote_write.layout import MetricType
from tests.support.remote_write import V2Builder, snappy

TYPE = b"application/x-protobuf;proto=io.prometheus.write.v2.Request"
NOTHING = {f"x-prometheus-remote-write-{name}-written": "0" for name in ("samples", "histograms", "exemplars")}


def _answer(**parts: Any) -> WriteAnswer:
    """The answer to two samples and a histogram; `parts`: what the steps do instead of letting it pass."""
    builder = V2Builder()
    series = builder.series({"__name__": "m"})
    for ms in (1, 2):
        series.samples.add(value=1, timestamp=ms)
    series.histograms.add(count_int=1, timestamp=1)
    body = snappy(builder.request.SerializeToString())
    commit = Mock(submit=AsyncMock(**{"return_value": Accepted(), **parts.get("submit", {})}))

    caller = Mock(headers={b"content-type": TYPE}, keyless=False, sans=())

    async def read() -> bytes:
        return body

    async def handle() -> WriteAnswer:
        receiver = RemoteWriteReceiver(
            AsyncMock(**parts.get("authenticate", {})), Mock(**parts.get("admit", {})), commit, Mock(), Mock(), 1 << 20
        )
        return await receiver.handle("POST", caller, read)

    return asyncio.run(handle())


@pytest.mark.parametrize(
    ("step", "refused", "status", "more"),
    [
        ("authenticate", Refused(Code.UNAUTHENTICATED, "a key"), 401, {"www-authenticate": "Bearer"}),
        ("authenticate", Refused(Code.FORBIDDEN, "not ingest"), 403, {}),
        ("admit", Refused(Code.LIMITED, "too fast", 1.2), 429, {"retry-after": "2"}),
        ("submit", Refused(Code.UNAVAILABLE, "the log", 1.0), 503, {"retry-after": "1"}),
        ("submit", RuntimeError("a fault"), 500, {}),
    ],
)
def test_a_refusal_writes_nothing_and_says_when_to_try_again(
    step: str, refused: Exception, status: int, more: dict[str, str]
) -> None:
    answer = _answer(**{step: {"side_effect": refused}})
    assert (answer.status, dict(answer.headers)) == (status, NOTHING | more)
    assert answer.body
    assert "fault" not in answer.body


def test_what_later_steps_reject_is_not_written() -> None:
    answer = _answer(submit={"return_value": Accepted(1, "1 data points are too large for the log")})
    assert (answer.status, answer.body) == (400, "1 data points are too large for the log")
    assert [value for _, value in answer.headers] == ["1", "1", "0"]


def test_a_call_leaves_its_ticket_whatever_happens() -> None:
    ticket = Mock()
    _answer(admit={"return_value": ticket}, submit={"side_effect": Refused(Code.UNAVAILABLE, "the log", 1.0)})
    ticket.leave.assert_called_once()


@pytest.mark.parametrize(
    ("metric", "type_"),
    [
        ("h", MetricType.HISTOGRAM),
        ("h_bucket", MetricType.HISTOGRAM),
        ("h_sum", MetricType.HISTOGRAM),
        ("h_total", None),
        ("c_total", MetricType.COUNTER),
        ("c_count", None),
        ("other", None),
    ],
)
def test_metadata_of_a_family_is_that_of_its_parts(metric: str, type_: MetricType | None) -> None:
    metadata = Metadata()
    metadata.hear("a", [Family(b"h", MetricType.HISTOGRAM), Family(b"c", MetricType.COUNTER)])
    family = metadata.family_of("a", metric.encode())
    assert (family.type if family else None) == type_
    assert metadata.family_of("b", metric.encode()) is None


def test_metadata_is_bounded_and_forgets_what_was_heard_first() -> None:
    metadata = Metadata()
    metadata.hear("a", (Family(b"%d" % number, MetricType.GAUGE) for number in range(MAX_FAMILIES + 1)))
    assert metadata.family_of("a", b"0") is None
    assert metadata.family_of("a", b"1") is not None
    metadata.hear("a", [Family(b"long", MetricType.GAUGE, b"x" * 10_000)])
    found = metadata.family_of("a", b"long")
    assert found is not None
    assert found.help == b""


def test_a_tenant_with_many_families_makes_ingest_forget_its_own() -> None:
    metadata = Metadata()
    metadata.hear("calm", [Family(b"c", MetricType.COUNTER)])
    metadata.hear("flood", (Family(b"%d" % number, MetricType.GAUGE) for number in range(2 * MAX_FAMILIES)))
    assert metadata.family_of("calm", b"c_total") is not None
    metadata.hear("late", [Family(b"l", MetricType.COUNTER)])
    assert metadata.family_of("late", b"l_total") is not None
    assert metadata.family_of("calm", b"c_total") is not None
