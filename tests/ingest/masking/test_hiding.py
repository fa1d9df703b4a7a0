"""What once slipped through: odd neighbours and separators, values in pieces, fields in which nobody looks."""

from __future__ import annotations

import base64
import random

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from ingest.answer import Code, Refused
from ingest.masking import patterns
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import Kind
from schema.signal import Signal
from tests.ingest.masking.masked import batch_of, bodies_of, mask_of, masked, masked_text
from tests.ingest.masking.test_places import MAIL, metric_request
from tests.ingest.requests import logs, span, traces
from tests.schema.wire.mutate import varint
from tests.schema.wire.official import REQUEST, random_message

ALL = {"profile": "all"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("卡号4111111111111111已拒绝", "卡号****已拒绝"),
        ("card：4111111111111111，ok", "card：****，ok"),
        ("IBAN：DE89370400440532013000。", "IBAN：****。"),
        ("令牌AKIAIOSFODNN7EXAMPLE。", "令牌****。"),
        ("电话+14155551234。", "电话****。"),
        ("来自10.1.2.3的", "来自****的"),
        ("4111\u00a01111\u00a01111\u00a01111", "****"),
        ("4111\u202f1111\u202f1111\u202f1111", "****"),
        ("4111–1111–1111–1111", "****"),
        ("GB82\u00a0WEST\u00a01234\u00a05698\u00a07654\u00a032", "****"),
        ("no 123\u2011 45, but 123\u201145\u20116789", "no 123\u2011 45, but ****"),
        ("1,4111111111111111,123", "1,****,123"),
        ("[4111111111111111,5500000000000004]", "[****,****]"),
        ("7,123-45-6789,x", "7,****,x"),
        ("jane@example.com-2026 and jane@example.com123", "**** and ****"),
        ("Bearer\tabcdefghijklmnop1234", "Bearer\t****"),
    ],
)
def test_neighbours_and_separators_hide_nothing(text: str, expected: str) -> None:
    assert masked_text(text, ALL) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'{"password": "ab\"cdefgh", "a": 1}', '{"password": "****", "a": 1}'),
        (r"{\"password\": \"ab\\\"cdefgh\", \"a\": 1}", r"{\"password\": \"****\", \"a\": 1}"),
        ("password=ab:cdefgh1 next", "password=**** next"),
        ("password=abcdef: wrong", "password=****: wrong"),
        ("authorization=Bearer abcdefghijk x", "authorization=**** x"),
        ("Authorization: Token abcdef1234567890", "Authorization: ****"),
        ("authorization: failed for somebody else", "authorization: failed for somebody else"),
        ("Cookie: sid=abcd; other=efgh\nHost: x", "Cookie: ****\nHost: x"),
        ("cookie: not there", "cookie: not there"),
    ],
)
def test_a_secret_is_taken_to_its_end(text: str, expected: str) -> None:
    assert masked_text(text) == expected


@pytest.mark.parametrize("pad", range(3))
def test_long_base64_is_looked_through_whatever_its_windows_cut(pad: int) -> None:
    text = "y" * pad + "xé" * 12_000 + f" {MAIL} "
    assert masked_text(base64.b64encode(text.encode()).decode()) == "****"


def test_only_numbers_are_kept_of_a_trace_state_with_hits() -> None:
    one = span("work")
    one.trace_state = f"ot=th:{MAIL};rv:0123456789abcd,a=1"
    done = masked(traces(one)).resource_spans[0].scope_spans[0].spans[0]
    assert done.trace_state == "ot=rv:0123456789abcd,a=1"


def test_a_number_that_a_later_one_replaces_does_not_stay() -> None:
    card = AnyValue(int_value=4111111111111111).SerializeToString()
    # The official library merges what it is given, so two numbers of one value are put in by hand.
    both = card + AnyValue(int_value=5).SerializeToString()
    place = AnyValue(bytes_value=b"0" * (len(both) - 2)).SerializeToString()
    request = logs()
    records = request.resource_logs[0].scope_logs[0].log_records
    records.add(body=AnyValue.FromString(place)).attributes.append(KeyValue(key="k", value=AnyValue.FromString(place)))
    body = request.SerializeToString()
    assert body.count(place) == 2
    batch = batch_of(body.replace(place, both))
    mask_of(MemoryRules())(batch)
    assert batch.keep.sum() == len(records)
    assert card not in bodies_of(batch)[0]


def test_ids_that_are_too_long_for_ids_are_looked_at() -> None:
    long = f"an id: {MAIL}".encode()
    one = span("work")
    one.parent_span_id = long
    one.links.add(trace_id=long, span_id=long)
    records = logs()
    records.resource_logs[0].scope_logs[0].log_records.add(trace_id=long, span_id=long)
    points = metric_request()
    point = points.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    point.exemplars[0].trace_id = point.exemplars[0].span_id = long
    for request in (traces(one), records, points):
        assert MAIL.encode() not in masked(request).SerializeToString()


def test_a_pattern_that_matches_nearly_everywhere_takes_no_more_memory_than_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patterns, "MOST_FOUND", 1000)
    rules = MemoryRules()
    rules.apply(Kind.MASKING, "acme", {"patterns": [{"name": "any", "pattern": "x"}]})
    with pytest.raises(Refused) as refused:
        mask_of(rules)(batch_of(traces(span("x" * 2000))))
    assert refused.value.code is Code.TOO_LARGE


def test_a_pattern_that_holds_only_by_itself_is_invalid() -> None:
    with pytest.raises(InvalidRule, match="patterns"):
        masked_text("x", {"patterns": [{"name": "open", "pattern": r"\Qabc"}]})


def hide(message: Message, secret: bytes, rng: random.Random) -> None:
    """Put it into fields that OTLP does not define, in the message and in all below it."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else [value]:
                hide(child, secret, rng)
    number = rng.choice((30, 31, 500, 100_000))
    text = varint(number << 3 | 2) + varint(len(secret)) + secret
    group = varint(number << 3 | 3) + text + varint(number << 3 | 4)
    card = varint(number << 3) + varint(4111111111111111)
    message.MergeFromString(rng.choice((text, group, text + card, card + group + text)))


@pytest.mark.parametrize("signal", Signal)
def test_fields_that_otlp_does_not_define_are_taken_out_where_something_is_masked(signal: Signal) -> None:
    rng = random.Random(signal)
    for _ in range(100):
        plain = random_message(REQUEST[signal](), rng)
        if not len(batch_of(plain).keep):
            continue  # nothing of a request without items goes to the log
        hidden = type(plain)()
        hidden.CopyFrom(plain)
        hide(hidden, MAIL.encode(), rng)
        assert MAIL.encode() in hidden.SerializeToString()
        done = masked(hidden, {"profile": "default"})
        assert MAIL.encode() not in done.SerializeToString()
        assert done == masked(plain, {"profile": "default"})


def test_fields_that_otlp_does_not_define_stay_where_nothing_is_masked() -> None:
    request = traces(span("work"))
    hide(request, MAIL.encode(), random.Random(1))
    assert masked(request, {"profile": "off"}) == request
    rules = MemoryRules()
    rules.apply(Kind.MASKING, "open", {"profile": "off"})
    batch = batch_of(request, request, tenants=("open", "acme"))
    mask_of(rules)(batch)
    assert [MAIL.encode() in body for body in bodies_of(batch)] == [True, False]
