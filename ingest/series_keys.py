"""Keys of series (`schema.partition_key.series_key`) of many metrics at once, by a compiled pass over the bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.hash import xxh64_range
from schema.loads import address, get8, put8
from schema.partition_key import SEPARATOR

Texts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Where texts begin in some bytes, and their lengths; of no length where there is none."""

_U8, _I64 = (types.Array(each, 1, "C") for each in (types.uint8, types.int64))
_SEPARATOR, _SLASH = SEPARATOR[0], ord("/")


def series_keys(
    data: npt.NDArray[np.uint8],
    targets: list[Texts],
    target_of_row: npt.NDArray[np.int32],
    families: list[bytes],
    family_of_row: npt.NDArray[np.int64],
    seed: int,
) -> npt.NDArray[np.uint64]:
    """uint64[rows]. `targets`: namespace, name and instance of each target, in `data`; the job is namespace/name."""
    lengths = np.array([len(family) for family in families], np.int64)
    names = np.frombuffer(bytearray(b"".join(families)), np.uint8)
    keys = np.empty(len(target_of_row), np.uint64)
    longest = sum(int(length.max(initial=0)) for _, length in targets) + int(lengths.max(initial=0)) + 3
    (space, space_size), (name, name_size), (instance, instance_size) = targets
    fill_keys(
        data, space, space_size, name, name_size, instance, instance_size, target_of_row.astype(np.int64),
        names, np.cumsum(lengths) - lengths, lengths, family_of_row, np.uint64(seed), np.empty(longest, np.uint8), keys,
    )  # fmt: skip
    return keys


@njit(nogil=True, cache=True)
def append(out, p, data, off, length):
    """Copy bytes to out[p:], all by address -> where they end."""
    for i in range(length):
        put8(out, p + i, get8(data, off + i))
    return p + length


@njit(
    types.void(
        _U8, _I64, _I64, _I64, _I64, _I64, _I64, _I64, _U8, _I64, _I64, _I64, types.uint64, _U8,
        types.Array(types.uint64, 1, "C"),
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def fill_keys(
    data, space, space_size, name, name_size, instance, instance_size, target_of_row,
    families, family, family_size, family_of_row, seed, scratch, keys,
):  # fmt: skip
    """See series_keys(); `scratch` has room for the longest key."""
    texts, words, out = address(data), address(families), address(scratch)
    for row in range(len(keys)):
        target, which = target_of_row[row], family_of_row[row]
        p = np.int64(0)
        if space_size[target]:
            p = append(out, p, texts, space[target], space_size[target])
            put8(out, p, _SLASH)
            p += 1
        p = append(out, p, texts, name[target], name_size[target])
        put8(out, p, _SEPARATOR)
        p = append(out, p + 1, texts, instance[target], instance_size[target])
        put8(out, p, _SEPARATOR)
        p = append(out, p + 1, words, family[which], family_size[which])
        keys[row] = xxh64_range(out, 0, p, seed)
    scratch[0] = 0  # of which only the address was used: it lives until here
