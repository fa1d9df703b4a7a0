"""Fields written by hand are read by the official library."""

from __future__ import annotations

import pytest
from google.protobuf.internal.decoder import _DecodeVarint  # type: ignore[attr-defined] # the library's own reading
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from schema.wire.writing import delimited, varint


@pytest.mark.parametrize("number", [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, (1 << 63) - 1, (1 << 64) - 1])
def test_a_number_is_read_back(number: int) -> None:
    written = varint(number)
    assert _DecodeVarint(written, 0) == (number, len(written))


@pytest.mark.parametrize("text", ["", "a", "b" * 127, "c" * 128, "d" * 20_000])
def test_a_field_is_read_back(text: str) -> None:
    assert AnyValue.FromString(delimited(0x0A, text.encode())).string_value == text
