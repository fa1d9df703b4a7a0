"""How many series of spans a tenant may have on a day of log time, and which those are: first come, first admitted.

A function of the partition's log alone. After a restart the series admitted so far are those in the table `red`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from processor.ids import mixed
from schema.arrays import I64, U64, Mask
from schema.hash import xxh64_bytes
from schema.record import block_number, block_position

OVERFLOW = "otel.metric.overflow"
"""Operation of all series of a tenant beyond its limit; and their service, if it came after the limit was reached."""


class Admitted(NamedTuple):
    """A series as a row of `red` tells it."""

    tenant: str
    service: str
    operation: str
    kind: int
    status: int
    entry: bool
    dimensions: Mapping[str, str]


def admitted_query(day: int, block: int) -> tuple[str, dict[str, int]]:
    """SELECT, and its parameters, of the series admitted on a day by the blocks of a partition up to `block`."""
    first = block_number(block_position(block)[0], 0)
    return (
        "SELECT DISTINCT tenant, service, operation, kind, status, entry, dimensions FROM red"
        " WHERE day = toDate({day:Int32}) AND block >= {first:UInt64} AND block <= {last:UInt64} AND NOT overflow",
        {"day": day, "first": first, "last": block},
    )


def series_hashes(tenant: U64, service: U64, operation: U64, codes: I64, dimensions: U64) -> U64:
    """By which series are remembered. `codes`: see `codes_of`; `dimensions`: sums of `dimension_hash`."""
    return mixed(tenant, service, operation, codes.astype(np.uint64), dimensions)


def codes_of(kind: I64, status: I64, entry: I64) -> I64:
    """Kind, status and entry as one number below CODES."""
    return (kind * 3 + status) * 2 + entry


CODES = 36


def dimension_hash(key: str, value: U64) -> U64:
    """Of a dimension whose value has this hash."""
    return mixed(np.full(len(value), xxh64_bytes(key.encode()), np.uint64), value)


@dataclass(slots=True)
class _Held:
    """Sorted hashes."""

    series: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    services: U64 = field(default_factory=lambda: np.empty(0, np.uint64))


class Cardinality:
    """The series admitted on the present day of a partition, by tenant."""

    def __init__(self) -> None:
        self._day = -1
        self._held: dict[str, _Held] = {}

    def admit(
        self, day: int, limits: Sequence[tuple[str, int]], limit: I64, series: U64, service: U64
    ) -> tuple[Mask, Mask]:
        """(whether each series is admitted, whether its service is that of any that is), in the order they came.

        `limits`: tenants, and how many series each may have; a tenant's limits in their order, where it has several.
        `limit`: place among `limits`; `series`, `service`: hashes.
        """
        self._turn_to(day)
        admitted, known = np.zeros(len(series), np.bool_), np.zeros(len(series), np.bool_)
        for place in np.unique(limit).tolist():
            tenant, most = limits[place]
            held = self._held.setdefault(tenant, _Held())
            rows = np.flatnonzero(limit == place)
            _add(held, series[rows], service[rows], most)
            admitted[rows] = np.isin(series[rows], held.series)
            known[rows] = np.isin(service[rows], held.services)
        return admitted, known

    def restore(self, day: int, rows: Iterable[Admitted]) -> None:
        """Begin with what `admitted_query` found."""
        self._held.clear()
        self._day = day
        by_tenant: dict[str, list[Admitted]] = {}
        for row in rows:
            by_tenant.setdefault(row.tenant, []).append(row)
        self._held.update((tenant, _held(found)) for tenant, found in by_tenant.items())

    def _turn_to(self, day: int) -> None:
        if day != self._day:
            self._day = day
            self._held.clear()


def _add(held: _Held, series: U64, service: U64, most: int) -> None:
    """Admit those that come first, until there are `most`."""
    room = most - len(held.series)
    if room <= 0:
        return
    distinct, first = np.unique(series, return_index=True)
    new = np.sort(first[~np.isin(distinct, held.series)])[:room]
    if len(new):
        held.series = np.union1d(held.series, series[new])
        held.services = np.union1d(held.services, service[new])


def _held(rows: Sequence[Admitted]) -> _Held:
    tenant, service = _hashes(row.tenant for row in rows), _hashes(row.service for row in rows)
    operation = _hashes(row.operation for row in rows)
    codes = np.array([(row.kind, row.status, row.entry) for row in rows], np.int64).T
    series = series_hashes(tenant, service, operation, codes_of(*codes), _dimensions(rows))
    return _Held(np.unique(series), np.unique(service))


def _hashes(texts: Iterable[str]) -> U64:
    return np.array([xxh64_bytes(text.encode()) for text in texts], np.uint64)


def _dimensions(rows: Sequence[Admitted]) -> U64:
    """The sum of each row's dimensions' hashes."""
    pairs = [(place, key, value) for place, row in enumerate(rows) for key, value in row.dimensions.items()]
    hashes = mixed(_hashes(key for _, key, _ in pairs), _hashes(value for _, _, value in pairs))
    sums = np.zeros(len(rows), np.uint64)
    np.add.at(sums, [place for place, _, _ in pairs], hashes)
    return sums
