"""The active series of a partition: those with a sample in this hour of log time, or in the one before it.

A hash table in arrays: a window's samples are looked up in one compiled pass. A function of the log; after a restart it
is what the table `series_seen` says. Beside it stands the newest sample that this owner has seen of each, for counting
what is out of order; that begins anew with an owner.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt
from numba import njit, types

from schema.arrays import F64, I32, I64, U64, Mask

KNOWN, AGAIN, NEW, OVER_ACTIVE, OVER_NEW = range(5)
"""What becomes of a sample. Its series was seen in this hour; in the last one; becomes active; or may not, because
there are too many, or too many new ones in this minute."""
REFUSED = OVER_ACTIVE
"""From here on, the sample is not stored."""
MS_PER_HOUR, MS_PER_MINUTE = 3_600_000, 60_000

LATE, DUPLICATE, CONFLICTING, AHEAD, RESET = range(5)
"""What is out of the ordinary about a sample, beside the newest of its series: it is older; of the same time with the
same value, or with another; more than AHEAD_MS ahead of log time; of a counter, and lower."""
AHEAD_MS = MS_PER_HOUR

Fates = npt.NDArray[np.int8]
_LEAST = 1 << 10
_I8, _I32, _I64, _U64, _F64, _MASK = (
    types.Array(each, 1, "C")
    for each in (types.int8, types.int32, types.int64, types.uint64, types.float64, types.boolean)
)


class ActiveSeries:
    """Tenants go by numbers that the caller chooses, ascending from 0. One thread uses it."""

    def __init__(self) -> None:
        self._keys: U64 = np.zeros(_LEAST, np.uint64)
        self._hours: I32 = np.zeros(_LEAST, np.int32)
        self._owner: I32 = np.zeros(_LEAST, np.int32)
        self._times: I64 = np.zeros(_LEAST, np.int64)  # of the newest sample, in ms; 0 if none was seen
        self._values: F64 = np.zeros(_LEAST, np.float64)
        self._used = 0
        self._active: I64 = np.zeros(0, np.int64)
        self._new: I64 = np.zeros(0, np.int64)
        self._hour = self._minute = 0
        self._seed = np.uint64(secrets.randbits(64) | 1)

    @property
    def active(self) -> I64:
        """int64[tenants]: how many each has."""
        return self._active

    def admit(self, series: U64, tenant: I32, log_ms: int, most_active: I64, most_new: I64) -> Fates:
        """int8[samples]: what becomes of each, in their order. `series`, `tenant` by sample; limits by tenant."""
        self._turn_to(log_ms, len(most_active))
        fates = np.empty(len(series), np.int8)
        done = 0
        while done < len(series):
            if 2 * (self._used + 1) > len(self._keys):
                self._rebuild(2 * len(self._keys))
            done, self._used = admit_rows(
                series, tenant, done, self._hour, self._seed, self._keys, self._hours, self._owner, self._used,
                self._active, self._new, most_active, most_new, fates,
            )  # fmt: skip
        return fates

    def known(self, series: U64) -> Mask:
        """bool[series]: which of them are active, or were in the hours that are remembered."""
        found = np.empty(len(series), np.bool_)
        known_rows(series, self._seed, self._keys, found)
        return found

    def observe(self, series: U64, tenant: I32, times: I64, values: F64, counter: Mask, log_ms: int) -> I64:
        """int64[tenants, 5]: how many are LATE, DUPLICATE, CONFLICTING, AHEAD, RESET, after admit() of the same.

        Those of series that are not active do not count. By sample: `times` in ms, and whether it is a `counter`'s.
        """
        found = np.zeros((len(self._active), RESET + 1), np.int64)
        observe_rows(
            series, tenant, times, values, values.view(np.uint64), counter, log_ms + AHEAD_MS, self._seed, self._keys,
            self._times, self._values, self._values.view(np.uint64), found,
        )  # fmt: skip
        return found

    def restore(self, series: U64, tenant: I32, hours: I32, new: I64, log_ms: int) -> None:
        """Begin with series, their tenants and the hours they were last seen in, and how many of each tenant were `new`
        in the minute of `log_ms`."""
        self._turn_to(log_ms, len(new))
        many = np.full(len(new), 1 << 62, np.int64)
        for hour in np.unique(hours).tolist():
            chosen = hours == hour
            self.admit(series[chosen], tenant[chosen], hour * MS_PER_HOUR, many, many)
        self._turn_to(log_ms, len(new))
        self._new[:] = new

    def _turn_to(self, log_ms: int, tenants: int) -> None:
        self._active, self._new = (_longer(counts, tenants) for counts in (self._active, self._new))
        if log_ms // MS_PER_MINUTE != self._minute:
            self._minute = log_ms // MS_PER_MINUTE
            self._new[:] = 0
        if log_ms // MS_PER_HOUR != self._hour:
            self._hour = log_ms // MS_PER_HOUR
            self._rebuild(_LEAST)

    def _rebuild(self, least: int) -> None:
        """Leave out what is active no longer; `least`: places that there are at least."""
        kept = np.flatnonzero((self._keys != 0) & (self._hours >= self._hour - 1))
        keys, hours, owner = self._keys[kept], self._hours[kept], self._owner[kept]
        times, values = self._times[kept], self._values[kept]
        places = max(least, 1 << int(4 * len(kept) + 1).bit_length() - 1)
        self._keys, self._hours, self._owner = (np.zeros(places, each.dtype) for each in (keys, hours, owner))
        self._times, self._values = np.zeros(places, np.int64), np.zeros(places, np.float64)
        self._active[:] = np.bincount(owner, minlength=len(self._active))
        self._used = len(kept)
        at = enter_rows(keys, hours, owner, self._seed, self._keys, self._hours, self._owner)
        self._times[at], self._values[at] = times, values


def _longer(counts: I64, size: int) -> I64:
    return np.concatenate([counts, np.zeros(size - len(counts), np.int64)]) if size > len(counts) else counts


@njit("uint64(uint64, uint64)", nogil=True, cache=True)
def scatter(key, seed):
    """Series ids are hashes that a client can choose: it must not choose where they fall."""
    found = (key ^ seed) * np.uint64(0x9E3779B97F4A7C15)
    return (found ^ (found >> np.uint64(32))) * seed


@njit(nogil=True, cache=True)
def seek(key, seed, keys):
    """Where a key is, or would be."""
    mask = np.uint64(len(keys) - 1)
    place = (scatter(key, seed) >> np.uint64(20)) & mask
    while keys[place] != 0 and keys[place] != key:
        place = (place + np.uint64(1)) & mask
    return place


@njit(types.void(_U64, types.uint64, _U64, _MASK), nogil=True, cache=True)
def known_rows(wanted, seed, keys, found):
    """See ActiveSeries.known."""
    for i in range(len(wanted)):
        found[i] = keys[seek(wanted[i] if wanted[i] != 0 else np.uint64(1), seed, keys)] != 0


@njit(_I64(_U64, _I32, _I32, types.uint64, _U64, _I32, _I32), nogil=True, cache=True)
def enter_rows(wanted, wanted_hours, wanted_owner, seed, keys, hours, owner):
    """Put distinct keys into an empty table -> their places."""
    at = np.empty(len(wanted), np.int64)
    for i in range(len(wanted)):
        place = seek(wanted[i], seed, keys)
        keys[place], hours[place], owner[place] = wanted[i], wanted_hours[i], wanted_owner[i]
        at[i] = place
    return at


@njit(
    types.void(
        _U64, _I32, _I64, _F64, _U64, _MASK, types.int64, types.uint64, _U64, _I64, _F64, _U64,
        types.Array(types.int64, 2, "C"),
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def observe_rows(
    wanted, tenants, times, values, bits, counter, ahead, seed, keys, last_times, last_values, last_bits, found
):  # fmt: skip
    """See ActiveSeries.observe; `bits` and `last_bits` are the values' own."""
    for i in range(len(wanted)):
        key = wanted[i] if wanted[i] != 0 else np.uint64(1)
        place = seek(key, seed, keys)
        if keys[place] == 0:
            continue
        tenant, time, last = tenants[i], times[i], last_times[place]
        if time > ahead:
            found[tenant, AHEAD] += 1  # and what comes after it is not late
        elif last == 0 or time > last:
            if last != 0 and counter[i] and values[i] < last_values[place]:
                found[tenant, RESET] += 1
            last_times[place], last_values[place] = time, values[i]
        elif time < last:
            found[tenant, LATE] += 1
        else:
            found[tenant, DUPLICATE if bits[i] == last_bits[place] else CONFLICTING] += 1


@njit(
    types.UniTuple(types.int64, 2)(
        _U64, _I32, types.int64, types.int64, types.uint64, _U64, _I32, _I32, types.int64, _I64, _I64, _I64, _I64, _I8
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def admit_rows(
    wanted, tenants, first, hour, seed, keys, hours, owner, used, active, new, most_active, most_new, fates
):  # fmt: skip
    """See ActiveSeries.admit -> (samples done, until the table is half full; keys used)."""
    for i in range(first, len(wanted)):
        key = wanted[i] if wanted[i] != 0 else np.uint64(1)
        place = seek(key, seed, keys)
        there = keys[place] != 0
        if there and hours[place] == hour:
            fates[i] = KNOWN
            continue
        if there and hours[place] == hour - 1:
            hours[place] = hour
            fates[i] = AGAIN
            continue
        tenant = tenants[i]
        if active[tenant] >= most_active[tenant]:
            fates[i] = OVER_ACTIVE
            continue
        if new[tenant] >= most_new[tenant]:
            fates[i] = OVER_NEW
            continue
        if not there:
            if 2 * (used + 1) > len(keys):
                return i, used
            used += 1
        keys[place], hours[place], owner[place] = key, hour, tenant
        active[tenant] += 1
        new[tenant] += 1
        fates[i] = NEW
    return len(wanted), used
