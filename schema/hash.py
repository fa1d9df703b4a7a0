"""xxh64, the hash that partition keys and ids are made of; stable for ever.

After the specification of the xxHash fast digest algorithm (doc/xxhash_spec.md of Cyan4973/xxHash, version 0.1.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.loads import address, get8, load32, load64

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)

_U8 = types.Array(types.uint8, 1, "C")
_I64 = types.Array(types.int64, 1, "C")
_U64 = types.Array(types.uint64, 1, "C")


@njit(nogil=True, cache=True)
def _rotl(x, bits):
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@njit(nogil=True, cache=True)
def _round(acc, lane):
    return _rotl(acc + lane * _P2, 31) * _P1


@njit(nogil=True, cache=True)
def _merge(acc, lane):
    return (acc ^ _round(np.uint64(0), lane)) * _P1 + _P4


@njit(types.uint64(types.int64, types.int64, types.int64, types.uint64), nogil=True, cache=True)
def xxh64_range(data, start, size, seed):
    """xxh64 of `size` bytes from `start` on, `data` an address; for kernels. The caller has checked the range."""
    p = start
    end = start + size
    if size >= 32:
        a, b, c, d = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
        while p + 32 <= end:
            a = _round(a, load64(data, p))
            b = _round(b, load64(data, p + 8))
            c = _round(c, load64(data, p + 16))
            d = _round(d, load64(data, p + 24))
            p += 32
        acc = _rotl(a, 1) + _rotl(b, 7) + _rotl(c, 12) + _rotl(d, 18)
        acc = _merge(_merge(_merge(_merge(acc, a), b), c), d)
    else:
        acc = seed + _P5
    acc += np.uint64(size)
    while p + 8 <= end:
        acc = _rotl(acc ^ _round(np.uint64(0), load64(data, p)), 27) * _P1 + _P4
        p += 8
    if p + 4 <= end:
        acc = _rotl(acc ^ (np.uint64(load32(data, p)) * _P1), 23) * _P2 + _P3
        p += 4
    while p < end:
        acc = _rotl(acc ^ (np.uint64(get8(data, p)) * _P5), 11) * _P1
        p += 1
    acc = (acc ^ (acc >> np.uint64(33))) * _P2
    acc = (acc ^ (acc >> np.uint64(29))) * _P3
    return acc ^ (acc >> np.uint64(32))


@njit(types.void(_U8, _I64, _I64, types.uint64, _U64), nogil=True, cache=True)
def _hash_all(data, off, length, seed, out):
    base = address(data)
    for row in range(len(off)):
        out[row] = xxh64_range(base, off[row], length[row], seed)


@njit(types.uint64(types.Array(types.uint8, 1, "C", readonly=True), types.uint64), nogil=True, cache=True)
def _hash_one(value, seed):
    return xxh64_range(address(value), 0, len(value), seed)


def xxh64_slices(
    data: npt.NDArray[np.uint8], off: npt.NDArray[np.int64], length: npt.NDArray[np.int64], seed: int = 0
) -> npt.NDArray[np.uint64]:
    """xxh64 of each data[off:off+length], uint64[rows]. Ranges must lie within the data; length 0 ignores off."""
    out = np.empty(len(off), np.uint64)
    _hash_all(data, off, length, np.uint64(seed), out)
    return out


def xxh64_bytes(value: bytes, seed: int = 0) -> int:
    """xxh64 of a byte string, 0 <= hash < 2**64."""
    return int(_hash_one(np.frombuffer(value, np.uint8), np.uint64(seed)))


def partition_of(hash64: int, partitions: int) -> int:
    """Partition, 0 <= p < partitions, of a 64-bit hash: its high half scaled, so that all values of n are even."""
    return ((hash64 >> 32) * partitions) >> 32


def partitions_of(hashes: npt.NDArray[np.uint64], partitions: int) -> npt.NDArray[np.int32]:
    """partition_of() for uint64[rows] -> int32[rows]."""
    high: npt.NDArray[Any] = hashes >> np.uint64(32)
    return ((high * np.uint64(partitions)) >> np.uint64(32)).astype(np.int32)
