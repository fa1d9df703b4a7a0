"""OTLP/JSON against the official library's own JSON parser, on random documents and broken ones."""

from __future__ import annotations

import json
import math
import random
import struct
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schema.signal import Signal
from schema.wire.from_json import JsonRejected, from_json
from schema.wire.json_reading import JsonError
from tests.schema.wire.official import REQUEST, random_message
from tests.schema.wire.official_json import parse, to_document, to_text


def value_of(text: str) -> Any:
    """An attribute's AnyValue, read from JSON."""
    document = f'{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{text}}}]}}}}]}}'
    request = ExportTraceServiceRequest.FromString(from_json(Signal.TRACES, document.encode()))
    return request.resource_spans[0].resource.attributes[0].value


def same(ours: bytes, theirs: Any, signal: Signal) -> bool:
    """Compared as written, because a message with a NaN in it does not equal itself."""
    again = REQUEST[signal].FromString(ours)
    return bool(again.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True))


def random_document(signal: Signal, rng: random.Random) -> bytes:
    return to_text(to_document(random_message(REQUEST[signal](), rng), rng), rng)


@pytest.mark.parametrize("signal", Signal)
def test_valid_documents_become_what_the_official_library_makes_of_them(signal: Signal) -> None:
    rng = random.Random(signal + 7)
    for _ in range(250):
        text = random_document(signal, rng)
        expected = parse(signal, text)
        assert expected is not None, text
        assert same(from_json(signal, text), expected, signal), text


def attempt(signal: Signal, text: bytes) -> tuple[bytes, JsonError | None]:
    try:
        return from_json(signal, text), None
    except JsonRejected as rejected:
        return b"", rejected.error


def fuzz(signal: Signal, cases: int, seed: int) -> tuple[int, int]:
    """Damaged documents -> (accepted, rejected). What the library takes, we take, and read alike; never a crash."""
    rng = random.Random(seed)
    accepted = rejected = 0
    while accepted + rejected < cases:
        whole = random_document(signal, rng)
        for _ in range(20):
            text = damage(whole, rng)
            expected = parse(signal, text)
            made, error = attempt(signal, text)
            if error is not None:
                assert expected is None or error in _STRICTER, (seed, text)
                rejected += 1
                continue
            # Where we take more than the library (see docs/otlp.md), what we make is at least a request.
            assert same(made, REQUEST[signal].FromString(made) if expected is None else expected, signal), (seed, text)
            accepted += 1
    return accepted, rejected


_STRICTER = (JsonError.SYNTAX, JsonError.BASE64, JsonError.TYPE, JsonError.ENUM, JsonError.RANGE)
"""The library takes NaN without quotes and numbers with spaces around, cuts fractions off some integers, and passes
over what is not base64 and over names that an enum does not have."""

_PIECES = (b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"-", b"1e9", b"0.5", b"\\u00", b"\\ud83d",
           b"\xc3", b'"a":1,', b"18446744073709551616", b"{}", b"[]")  # fmt: skip


def damage(text: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(text) + 1)
    kind = rng.randrange(5)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + rng.choice(_PIECES) + text[at:]
    if kind == 2:
        return text[:at] + rng.choice(_PIECES) + text[at + rng.randrange(1, 6) :]
    if kind == 3:
        return text[:at] + text[at + rng.randrange(1, 6) :]
    return text[:at] + bytes((rng.randrange(256),)) + text[at + 1 :]


@pytest.mark.parametrize("signal", Signal)
def test_damaged_documents_are_read_as_the_official_library_reads_them_or_rejected(signal: Signal) -> None:
    accepted, rejected = fuzz(signal, 2000, seed=signal + 1)
    assert accepted > 50
    assert rejected > 500


@pytest.mark.slow
@pytest.mark.parametrize("signal", Signal)
def test_a_million_damaged_documents_crash_nothing_and_agree(signal: Signal) -> None:
    seed = time.monotonic_ns()  # another corner each night; the seed is in the failure's name
    for part in range(100):
        fuzz(signal, 3400, seed + part)


@pytest.mark.parametrize(
    "text",
    ["0", "-0.0", "1", "1.5", "1e3", "123456789012345678", "0.1", "1e22", "1e23", "-2.2250738585072014e-308", "5e-324",
     "1.7976931348623157e308", "9007199254740993", "0.30000000000000004", "123456789.123456789123456789", "1e-400",
     "100000000000000000000000000000000", "0.000000000000000000000000000001", "3.14159265358979323846264338327950288"],
)  # fmt: skip
def test_doubles_are_the_nearest_ones(text: str) -> None:
    for written in (text, f'"{text}"'):
        found = value_of(f'{{"doubleValue":{written}}}').double_value
        assert struct.pack("<d", found) == struct.pack("<d", float(text))


def test_random_doubles_are_the_nearest_ones() -> None:
    rng = random.Random(3)
    for _ in range(500):
        number = struct.unpack("<d", rng.randbytes(8))[0]
        if math.isfinite(number):
            text = rng.choice((repr(number), f"{number:.17e}", f"{number:.25g}"))
            assert value_of(f'{{"doubleValue":{text}}}').double_value == float(text)


@pytest.mark.parametrize(
    ("written", "number"),
    [("5", 5), ('"5"', 5), ("-5", -5), ('"-5"', -5), ("5.0", 5), ("5e2", 500), ("50e-1", 5), ('"007"', 7), ("-0", 0),
     ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("9.223372036854775807e18", 2**63 - 1)],
)  # fmt: skip
def test_integers_are_taken_as_numbers_and_as_strings(written: str, number: int) -> None:
    assert value_of(f'{{"intValue":{written}}}').int_value == number


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ('{"intValue":1.5}', JsonError.RANGE),
        ('{"intValue":9223372036854775808}', JsonError.RANGE),
        ('{"intValue":-9223372036854775809}', JsonError.RANGE),
        ('{"intValue":1e400}', JsonError.RANGE),
        ('{"doubleValue":1e400}', JsonError.RANGE),
        ('{"intValue":"x"}', JsonError.TYPE),
        ('{"intValue":""}', JsonError.TYPE),
        ('{"intValue":" 5"}', JsonError.TYPE),
        ('{"intValue":true}', JsonError.TYPE),
        ('{"boolValue":1}', JsonError.TYPE),
        ('{"stringValue":1}', JsonError.TYPE),
        ('{"arrayValue":[]}', JsonError.TYPE),
        ('{"arrayValue":{"values":{}}}', JsonError.TYPE),
        ('{"arrayValue":{"values":[null]}}', JsonError.TYPE),
        ('{"intValue":05}', JsonError.SYNTAX),
        ('{"intValue":+5}', JsonError.TYPE),
        ('{"doubleValue":.5}', JsonError.TYPE),
        ('{"doubleValue":5.}', JsonError.SYNTAX),
        ('{"doubleValue":NaN}', JsonError.TYPE),
        ('{"doubleValue":"inf"}', JsonError.TYPE),
        ('{"stringValue":"a\nb"}', JsonError.SYNTAX),
        ('{"stringValue":"\\x41"}', JsonError.SYNTAX),
        ('{"stringValue":"\\u12g4"}', JsonError.SYNTAX),
        ('{"stringValue":"a",}', JsonError.SYNTAX),
        ('{"stringValue":"a" "b":1}', JsonError.SYNTAX),
        ('{"other":[1,]}', JsonError.SYNTAX),
        ('{"other":{"a"}}', JsonError.SYNTAX),
        ('{"other":tru}', JsonError.SYNTAX),
        ('{"other":' + "[" * 513 + "]" * 513 + "}", JsonError.DEPTH),
        ('{"arrayValue":{"values":[' * 60 + "]}}" * 60, JsonError.DEPTH),
    ],
)
def test_values_that_do_not_fit_are_rejected_with_their_reason(value: str, error: JsonError) -> None:
    with pytest.raises(JsonRejected) as rejected:
        value_of(value)
    assert rejected.value.error is error


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"plain"', "plain"),
        (r'"\" \\ \/ \b \f \n \r \t"', '" \\ / \b \f \n \r \t'),
        (r'"\u00e9\u20ac\ud83d\ude00\u0000"', "é€😀\0"),
        (r'"cut \ud83d"', "cut �"),
        (r'"\ude00\ud83d\u0041"', "��A"),
        ('"é€😀"', "é€😀"),
        (json.dumps("x" * 300 + "\n"), "x" * 300 + "\n"),
    ],
)
def test_strings_and_their_escapes(written: str, text: str) -> None:
    assert value_of(f'{{"stringValue":{written}}}').string_value == text


def test_of_what_comes_twice_the_last_one_holds() -> None:
    assert value_of('{"stringValue":"a","intValue":7}').WhichOneof("value") == "int_value"
    assert value_of('{"intValue":1,"intValue":2}').int_value == 2


def test_a_document_may_not_grow_beyond_the_limit() -> None:
    counts = ",".join(["1"] * 1000)
    point = (
        '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[%s]}]}}]}]}]}'
    )
    text = (point % counts).encode()
    assert len(from_json(Signal.METRICS, text, 9000)) > 8000
    with pytest.raises(JsonRejected) as rejected:
        from_json(Signal.METRICS, text, 8000)
    assert rejected.value.error is JsonError.ROOM


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 129, 16_383, 16_384, 16_400, 3_000_000])
def test_lengths_of_any_size_are_written_right(size: int) -> None:
    assert value_of(json.dumps({"stringValue": "x" * size})).string_value == "x" * size
