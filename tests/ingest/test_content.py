"""Content-Encoding: what is undone, and what a body may not do to our memory."""

from __future__ import annotations

import gzip
import os
import resource
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from backports import zstd

from ingest.answer import Code, Refused
from ingest.receivers.content import FREE_BYTES, decompress

MIB = 1 << 20
NOISE = os.urandom(MIB)

Compress = Callable[[bytes], bytes]
CODINGS = [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)]


def refusal(coding: str, body: bytes, limit: int = 64 * MIB, ratio: int = 1000) -> Refused:
    with pytest.raises(Refused) as caught:
        decompress(coding, body, limit, ratio)
    return caught.value


@pytest.mark.parametrize(("coding", "compress"), CODINGS)
@pytest.mark.parametrize("content", [b"", b"x", NOISE, NOISE * 3 + b"end"], ids=["none", "one", "1 MiB", "3 MiB"])
def test_a_body_comes_back_as_it_was(coding: str, compress: Compress, content: bytes) -> None:
    assert decompress(coding, compress(content), 4 * MIB, 1000) == content


@pytest.mark.parametrize(("coding", "compress"), [CODINGS[0], CODINGS[2]])
def test_members_and_frames_may_follow_each_other(coding: str, compress: Compress) -> None:
    body = compress(b"one ") + compress(b"") + compress(b"two")
    assert decompress(coding, body, 100, 1000) == b"one two"


@pytest.mark.parametrize(("coding", "compress"), CODINGS)
def test_a_body_that_ends_too_early_or_goes_on_too_long_is_refused(coding: str, compress: Compress) -> None:
    whole = compress(NOISE)
    for body in (whole[:-1], whole[:-9], whole[: len(whole) // 2], whole[:3], whole + b"rubbish", b"\0" * 20):
        assert refusal(coding, body).code is Code.INVALID
    assert refusal(coding, b"rubbish").code is Code.INVALID


@pytest.mark.parametrize(("coding", "compress"), CODINGS)
def test_the_limit_is_that_of_the_inflated_body(coding: str, compress: Compress) -> None:
    assert len(decompress(coding, compress(NOISE), MIB, 1000)) == MIB
    assert refusal(coding, compress(NOISE), MIB - 1).code is Code.TOO_LARGE
    assert refusal(coding, compress(bytes(64 * MIB)), MIB).code is Code.TOO_LARGE


@pytest.mark.parametrize(("coding", "compress"), CODINGS)
def test_a_small_body_may_not_become_a_large_one(coding: str, compress: Compress) -> None:
    assert decompress(coding, compress(bytes(FREE_BYTES)), 64 * MIB, 10) == bytes(FREE_BYTES)
    refused = refusal(coding, compress(bytes(8 * MIB)), 64 * MIB, 100)
    assert (refused.code, refused.message) == (Code.TOO_LARGE, "the body inflates to more than 100 times its size")


def test_zstd_is_held_to_what_gzip_can_do() -> None:
    assert refusal("zstd", zstd.compress(bytes(32 * MIB))).code is Code.TOO_LARGE


def test_records_that_repeat_pass() -> None:
    record = b"INFO health check succeeded for backend pool default path=/healthz pod=frontend-7d9f6c5b8-x2x9z "
    content = b"".join(record + b"%d" % number for number in range(100_000))
    for coding, compress in CODINGS:
        assert decompress(coding, compress(content), 64 * MIB, 1000) == content


def test_a_bomb_is_stopped_before_it_takes_memory() -> None:
    bombs = [(coding, compress(bytes(128 * MIB))) for coding, compress in CODINGS]
    tracemalloc.start()
    for coding, bomb in bombs:
        assert refusal(coding, bomb, 64 * MIB, 100).code is Code.TOO_LARGE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * MIB


def test_a_zstd_frame_may_not_ask_for_a_huge_window() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    body = zstd.ZstdCompressor(options=options).compress(NOISE * 20, mode=zstd.ZstdCompressor.FLUSH_FRAME)
    assert refusal("zstd", body).code is Code.INVALID
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 << 10


def test_an_unknown_coding_is_said_to_be_one() -> None:
    assert refusal("br", b"x").code is Code.UNSUPPORTED
    assert decompress("identity", b"x", 10, 1000) == b"x"
