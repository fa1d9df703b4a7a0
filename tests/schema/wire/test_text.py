"""Attribute values and bodies as text, against a plain walk over the official library's objects."""

from __future__ import annotations

import base64
import json
import math
import random
from typing import Any

import numpy as np
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from schema.signal import Signal
from schema.wire import Owner, Scan, join, scan
from schema.wire.maps import to_map
from schema.wire.text import text_of_bodies, text_of_values
from tests.schema.wire.mutate import delimited, mutate
from tests.schema.wire.official import parse, random_message


def plain(value: AnyValue) -> Any:
    """What the value is in JSON; maps as lists of pairs, since a key may come twice."""
    member = value.WhichOneof("value")
    if member == "array_value":
        return [plain(element) for element in value.array_value.values]
    if member == "kvlist_value":
        return Pairs((pair.key, plain(pair.value)) for pair in value.kvlist_value.values)
    if member == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if member == "double_value" and not math.isfinite(value.double_value):
        return special(value.double_value)
    return None if member in (None, "string_value_strindex") else getattr(value, member)


def special(number: float) -> str:
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"


class Pairs(list[tuple[str, Any]]):
    """A map as its pairs in order."""


def decoded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Pairs)


def check(value: AnyValue, text: str, is_json: bool) -> None:
    expected = plain(value)
    if isinstance(expected, str):
        assert (text, is_json) == (expected, False)
    else:
        assert is_json
        assert decoded(text) == expected
        assert type(expected) is not int or text == str(expected)


def request(*values: AnyValue) -> ExportLogsServiceRequest:
    """A record for each value, as its body and its only attribute."""
    message = ExportLogsServiceRequest()
    records = message.resource_logs.add().scope_logs.add().log_records
    for value in values:
        records.add(body=value).attributes.append(KeyValue(key="k", value=value))
    return message


def scanned(*values: AnyValue) -> Scan:
    return scan(Signal.LOGS, *join([request(*values).SerializeToString()]))


def test_each_kind_of_value_has_its_text() -> None:
    values = {
        "plain \n text": AnyValue(string_value="plain \n text"),
        "true": AnyValue(bool_value=True),
        "-9223372036854775808": AnyValue(int_value=-(2**63)),
        "9223372036854775807": AnyValue(int_value=2**63 - 1),
        "0": AnyValue(int_value=0),
        "0.1": AnyValue(double_value=0.1),
        "1": AnyValue(double_value=1.0),
        "1e+22": AnyValue(double_value=1e22),
        "NaN": AnyValue(double_value=math.nan),
        "-Inf": AnyValue(double_value=-math.inf),
        "AAH/": AnyValue(bytes_value=b"\x00\x01\xff"),
        "[]": AnyValue(array_value=ArrayValue()),
        '{"a":[1.5,"+Inf",null,"é\\"\\\\\\u0001"]}': AnyValue(
            kvlist_value=KeyValueList(
                values=[
                    KeyValue(
                        key="a",
                        value=AnyValue(
                            array_value=ArrayValue(
                                values=[
                                    AnyValue(double_value=1.5),
                                    AnyValue(double_value=math.inf),
                                    AnyValue(),
                                    AnyValue(string_value='é"\\\x01'),
                                ]
                            )
                        ),
                    )
                ]
            )
        ),
        "null": AnyValue(),
    }
    result = scanned(*values.values())
    text, is_json = text_of_values(result, np.arange(len(values)))
    assert text.to_pylist() == list(values)
    for value, words, json_ in zip(values.values(), text.to_pylist(), is_json, strict=True):
        check(value, words, json_)


def test_random_values_read_back_as_what_they_were() -> None:
    rng = random.Random(21)
    values = [random_message(AnyValue(), rng, depth=2) for _ in range(600)]
    result = scanned(*values)
    text, is_json = text_of_values(result, np.arange(len(values)))
    for value, words, json_ in zip(values, text.to_pylist(), is_json, strict=True):
        check(value, words, json_)


def test_mutated_values_read_as_the_official_library_reads_them() -> None:
    rng = random.Random(22)
    compared = 0
    for _ in range(1500):
        value = mutate(random_message(AnyValue(), rng, depth=3).SerializeToString(), rng)
        record = delimited(5, value) + delimited(6, delimited(1, b"k") + delimited(2, value))
        body = delimited(1, delimited(2, delimited(2, record)))
        message: Any = parse(Signal.LOGS, body)
        result = scan(Signal.LOGS, *join([body]))
        if message is None:
            continue
        text, is_json = text_of_values(result, np.arange(1))
        check(message.resource_logs[0].scope_logs[0].log_records[0].attributes[0].value, text[0].as_py(), is_json[0])
        compared += 1
    assert compared > 300


def test_a_missing_body_is_empty_and_a_missing_attribute_value_null() -> None:
    body = delimited(1, delimited(2, delimited(2, delimited(6, delimited(1, b"k")))))
    result = scan(Signal.LOGS, *join([body]))
    text, is_json = text_of_bodies(result)
    assert (text.to_pylist(), is_json.tolist()) == ([""], [False])
    text, is_json = text_of_values(result, np.arange(1))
    assert (text.to_pylist(), is_json.tolist()) == (["null"], [True])


def test_wide_and_deep_values_take_time_in_proportion() -> None:
    wide = delimited(5, delimited(1, b"") * 300_000)
    for _ in range(40):
        wide = delimited(5, delimited(1, wide))
    result = scan(Signal.LOGS, *join([delimited(1, delimited(2, delimited(2, delimited(5, wide))))]))
    assert result.status.tolist() == [0]
    text, _ = text_of_bodies(result)
    assert text[0].as_py() == "[" * 41 + "null," * 299_999 + "null" + "]" * 41


def test_maps_hold_the_attributes_of_the_rows_asked_for() -> None:
    values = [AnyValue(string_value="s"), AnyValue(int_value=5), AnyValue(array_value=ArrayValue())]
    message = request(*values)
    record = message.resource_logs[0].scope_logs[0].log_records[1]
    record.attributes.add(key="k").value.string_value = "again"
    message.resource_logs[0].resource.attributes.add(key="service.name").value.string_value = "shop"
    result = scan(Signal.LOGS, *join([message.SerializeToString()]))
    maps, json_keys = to_map(result, Owner.ITEM)
    assert maps.to_pylist() == [[("k", "s")], [("k", "5"), ("k", "again")], [("k", "[]")]]
    assert json_keys.to_pylist() == [[], ["k"], ["k"]]
    maps, json_keys = to_map(result, Owner.ITEM, np.array([2, 0, 2]))
    assert maps.to_pylist() == [[("k", "[]")], [("k", "s")], [("k", "[]")]]
    assert json_keys.to_pylist() == [["k"], [], ["k"]]
    assert to_map(result, Owner.RESOURCE)[0].to_pylist() == [[("service.name", "shop")]]
    assert to_map(result, Owner.SCOPE)[0].to_pylist() == [[]]
    assert to_map(result, Owner.ITEM, np.array([], np.int64))[0].to_pylist() == []
