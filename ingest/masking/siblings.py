"""Keys stay distinct: a masked key that another key of the same attributes has gets a suffix, #2 and so on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.masking.context import FORM, KEY, START
from ingest.masking.values import enter_key_value
from schema.loads import address
from schema.wire import Owner, Scan
from schema.wire.reading import read_length, read_tag, skip_field

_I64 = types.Array(types.int64, 1, "C")
_U8 = types.Array(types.uint8, 1, "C")

_LENGTH_BITS = 31


@njit(types.int64(_U8, types.int64, types.int64, _I64), nogil=True, cache=True)
def keys_of_map(data, p, end, out):
    """Write (start, end) of each key of the KeyValueList data[p:end] to `out` -> how many keys."""
    source = address(data)
    count = 0
    while p < end:
        tag, p = read_tag(source, p, end)
        if p < 0:
            break
        if tag != 0x0A:
            p = skip_field(source, p, end, tag, 0)
            if p < 0:
                break
            continue
        length, p = read_length(source, p, end)
        if p < 0:
            break
        key, key_end, _, _ = enter_key_value(source, p, p + length)
        if key >= 0:
            out[2 * count], out[2 * count + 1] = key, key_end
            count += 1
        p += length
    return count


class Siblings:
    """The keys beside those that are masked; read when they are first asked for."""

    def __init__(self, scan: Scan, leaves: npt.NDArray[np.int64]) -> None:
        self._scan = scan
        self._masked = set(leaves[leaves[:, FORM] == KEY, START].tolist())
        self._used: dict[int, set[bytes]] = {}
        self._count: dict[tuple[int, bytes], int] = {}

    def unlike(self, group: int, key: bytes) -> bytes:
        """The masked key, with a suffix where the group (GROUP of its leaf) has it already."""
        used = self._used.get(group)
        if used is None:
            used = self._used[group] = set(self._others(group))
        chosen = key
        while chosen in used:
            count = self._count[group, key] = self._count.get((group, key), 1) + 1
            chosen = b"%s#%d" % (key, count)
        used.add(chosen)
        return chosen

    def _others(self, group: int) -> Iterator[bytes]:
        """Keys of the group that are not masked."""
        if group < 0:
            start, size = -group >> _LENGTH_BITS, -group & ((1 << _LENGTH_BITS) - 1)
            places = np.zeros(2 * (size // 2 + 1), np.int64)
            count = keys_of_map(self._scan.data, start, start + size, places)
            ranges = [(int(places[2 * k]), int(places[2 * k + 1])) for k in range(count)]
        else:
            order, offsets = self._scan.attributes_of(Owner(group >> 32))
            row = group & 0xFFFFFFFF
            keys = self._scan.attributes.slices("key").take(order[offsets[row] : offsets[row + 1]])
            ranges = list(zip(keys.off.tolist(), (keys.off + keys.len).tolist(), strict=True))
        for start, end in ranges:
            if start not in self._masked:
                yield self._scan.data[max(start, 0) : max(end, 0)].tobytes()
