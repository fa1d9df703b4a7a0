"""Requests that are made to hurt: small to send and dear to take."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache

from backports import zstd

from schema.signal import Signal
from tests.ingest.requests import attribute, span, traces
from tests.schema.wire.mutate import delimited, varint

MIB = 1 << 20


def nested(*numbers: int, body: bytes) -> bytes:
    """A body inside of fields with these numbers, the outermost first."""
    for number in reversed(numbers):
        body = delimited(number, body)
    return body


def one_span(body: bytes = b"") -> bytes:
    """A request with a valid span that has these fields too."""
    return nested(1, 2, 2, body=span("hostile").SerializeToString() + body)


@cache
def huge_attribute(size: int) -> bytes:
    """A span with an attribute of so many bytes."""
    return traces(_with("x" * size)).SerializeToString()


def _with(text: str):  # type: ignore[no-untyped-def]
    made = span("huge")
    made.attributes.append(attribute("k", text))
    return made


@cache
def many_attributes(count: int, times: int = 1) -> bytes:
    """A span with so many attributes, each with a key of its own, all of them so many times."""
    attributes = b"".join(delimited(9, delimited(1, b"%d" % n) + b"\x12\x02\x18\x01") for n in range(count))
    return one_span(attributes * times)


@cache
def empty_attributes(count: int) -> bytes:
    """A span with so many attributes of two bytes each."""
    return one_span(b"\x4a\x00" * count)


@cache
def empty_spans(count: int) -> bytes:
    """So many spans of two bytes each; all of them are invalid."""
    return nested(1, 2, body=b"\x12\x00" * count)


@cache
def deep_value(depth: int) -> bytes:
    """An attribute whose value is an array in an array ..."""
    value = b""
    for _ in range(depth):
        value = delimited(5, delimited(1, value))
    return one_span(delimited(9, delimited(1, b"deep") + delimited(2, value)))


@cache
def series(count: int, first: int = 0, times: int = 1) -> bytes:
    """A gauge with so many points, each a series of its own, all of them so many times."""
    points = b"".join(
        delimited(1, delimited(7, delimited(1, b"id") + delimited(2, delimited(1, b"%d" % n))) + b"\x31" + bytes(8))
        for n in range(first, first + count)
    )
    return nested(1, 2, 2, body=delimited(1, b"many") + delimited(5, points * times))


@cache
def addresses(size: int) -> bytes:
    """Spans full of what is masked, each small enough for the log."""
    text = b"a@b.example," * 60_000
    item = span("masked").SerializeToString() + delimited(9, delimited(1, b"k") + delimited(2, delimited(1, text)))
    return nested(1, 2, body=delimited(2, item) * (size // len(item)))


@cache
def empty_spans_in_json(size: int) -> bytes:
    """So many bytes of JSON with a span for every three of them."""
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * (size // 3) + b"{}]}]}]}"


@cache
def buckets_in_json(size: int) -> bytes:
    """So many bytes of JSON that are four times as many in protobuf."""
    bounds = b"0," * (size // 2) + b"0"
    return (
        b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"dataPoints":[{"explicitBounds":['
        + (bounds + b"]}]}}]}]}]}")
    )


HOSTILE_PROTOBUF: dict[str, bytes] = {
    "a length beyond the message": b"\x0a\xff\xff\xff\xff\x07abc",
    "a length beyond 32 bits": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "a varint of eleven bytes": one_span(b"\x50" + b"\xff" * 10 + b"\x01"),
    "a varint of ten bytes": one_span(b"\x50" + b"\xff" * 9 + b"\x01"),
    "a tag of ten bytes": b"\xff" * 9 + b"\x01",
    "field number 0": b"\x02\x00",
    "wire types 6 and 7": b"\x0e\x0f",
    "a group without end": b"\x0b" * 1000,
    "a group that ends only": b"\x0c",
    "nested beyond the limit": deep_value(60),
    "nested up to the limit": deep_value(40),
    "a length overlong by padding": b"\x0a" + varint(0, pad=3),
    "empty attributes": empty_attributes(400_000),
    "empty spans": empty_spans(400_000),
    "many attributes": many_attributes(60_000),
    "a huge attribute": huge_attribute(900_000),
    "many series": series(20_000),
    "NUL bytes": bytes(MIB),
}
HOSTILE_JSON: dict[str, bytes] = {
    "lists in lists": b"[" * 500_000,
    "objects in objects": b'{"a":' * 150_000,
    "lists in an unknown field": b'{"x":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "empty objects": b'{"resourceSpans":[' + b"{}," * 300_000 + b"{}]}",
    "a long number": b'{"resourceSpans":[{"schemaUrl":' + b"9" * 900_000 + b"}]}",
    "a long exponent": b'{"x":1e' + b"9" * 900_000 + b"}",
    "long escapes": b'{"x":"' + b"\\ud83d" * 150_000 + b'"}',
    "an open string": b'{"x":"' + b"a" * 900_000,
    "many small numbers": json.dumps(
        {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "h", "histogram": {"dataPoints": [{"explicitBounds": [0] * 200_000}]}}]}]}]}
    ).encode(),
    "an astronomical double": b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"value":{"doubleValue":'
    + b"1" * 400_000 + b'}}]}]}]}]}',
}  # fmt: skip


def bombs(size: int) -> dict[str, tuple[str, bytes]]:
    """Small bodies that inflate to `size`: name -> (Content-Encoding, body)."""
    return {
        "gzip": ("gzip", gzip.compress(bytes(size))),
        "zstd": ("zstd", zstd.compress(bytes(size))),
        "gzip in members": ("gzip", gzip.compress(bytes(MIB)) * (size // MIB)),
        "gzip of empty attributes": ("gzip", gzip.compress(empty_attributes(size // 2))),
        "zstd of empty spans": ("zstd", zstd.compress(empty_spans(size // 2))),
    }


@dataclass(frozen=True)
class Giant:
    """A request as it is sent."""

    body: bytes
    coding: str = ""
    signal: Signal = Signal.TRACES
    media_type: str = "application/x-protobuf"


def giants() -> list[Giant]:
    """Bombs, and requests near the largest that may be sent, each dear in its own way."""
    json_type = "application/json"
    return [
        *(Giant(body, coding) for coding, body in bombs(60 * MIB).values()),
        Giant(many_attributes(100_000, times=10)),
        Giant(many_attributes(100_000, times=40)),
        Giant(huge_attribute(60 * MIB)),
        Giant(series(20_000, times=50), signal=Signal.METRICS),
        Giant(gzip.compress(addresses(60 * MIB), 1), "gzip"),
        Giant(empty_spans_in_json(60 * MIB), media_type=json_type),
        Giant(gzip.compress(empty_spans_in_json(60 * MIB), 1), "gzip", media_type=json_type),
        Giant(gzip.compress(buckets_in_json(60 * MIB), 1), "gzip", Signal.METRICS, json_type),
    ]


PATHS = {"many series": Signal.METRICS, "many small numbers": Signal.METRICS}
"""Where a request goes that is not for traces."""
