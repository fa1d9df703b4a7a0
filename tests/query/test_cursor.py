"""Cursors survive the way to a client and back, and nothing else does."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from query.cursor import decode, encode
from query.errors import BadInput


def test_a_cursor_gives_back_its_key() -> None:
    assert decode("logs", encode("logs", 1 << 62, (1 << 64) - 1, 3), int, int, int) == [1 << 62, (1 << 64) - 1, 3]
    assert decode("traces", encode("traces", -1, "ab"), int, str) == [-1, "ab"]


def _forged(value: object) -> str:
    body = json.dumps(value).encode()
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "AAAA",
        "\x00",
        encode("traces", 1, "ab"),
        encode("logs", 1),
        encode("logs", "1", 2),
        encode("logs", 1, 1 << 64),
        encode("logs", 1, 2)[:-1],
        encode("logs", 1, 2)[:-2] + "AA",
        _forged({"logs": 1}),
        _forged(["logs", True, 2]),
        _forged(["logs", 1.5, 2]),
        _forged(["logs", [1], 2]),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match=r"^after: "):
        decode("logs", cursor, int, int)
