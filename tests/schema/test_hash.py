"""Hashes that partition keys and ids are made of."""

from __future__ import annotations

import random

import numpy as np
import pytest
import xxhash

from schema.hash import partition_of, partitions_of, xxh64_bytes, xxh64_slices


def test_xxh64_is_the_reference_implementation_s() -> None:
    rng = random.Random(3)
    for size in (*range(100), 1000, 4096):
        value, seed = rng.randbytes(size), rng.getrandbits(64)
        assert xxh64_bytes(value, seed) == xxhash.xxh64_intdigest(value, seed)


def test_slices_hash_like_their_bytes() -> None:
    data = np.frombuffer(random.Random(4).randbytes(500), np.uint8).copy()
    off = np.array([0, 7, -1, 100], np.int64)
    length = np.array([5, 33, 0, 400], np.int64)
    expected = [
        xxhash.xxh64_intdigest(data[max(o, 0) : max(o, 0) + n].tobytes(), 9) for o, n in zip(off, length, strict=True)
    ]
    assert xxh64_slices(data, off, length, 9).tolist() == expected


def test_hashes_never_change() -> None:
    """Partitions of stored records and ids of stored rows hang on these."""
    assert xxh64_bytes(b"") == 0xEF46DB3751D8E999
    assert xxh64_bytes(b"otelhouse", 1) == xxhash.xxh64_intdigest(b"otelhouse", 1)
    assert partition_of(0xEF46DB3751D8E999, 16) == 14


@pytest.mark.parametrize("partitions", [1, 3, 16, 1000])
def test_partitions_are_even_and_alike_for_one_and_for_many(partitions: int) -> None:
    hashes = np.random.default_rng(5).integers(0, 2**64, 20_000, np.uint64)
    many = partitions_of(hashes, partitions)
    assert [partition_of(int(h), partitions) for h in hashes[:500]] == many[:500].tolist()
    counts = np.bincount(many, minlength=partitions)
    assert len(counts) == partitions
    assert counts.max() < 20_000 / partitions * 1.25 + 60
