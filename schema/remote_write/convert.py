"""convert(): a remote-write request -> the bytes of an OTLP ExportMetricsServiceRequest, and what became of its items.

All series of a target become one resource, those of a metric one Metric; see docs/remote-write.md for the mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schema.remote_write.histogram import histogram_lists
from schema.remote_write.layout import (
    BOUND,
    HELP,
    HELP_LEN,
    ITEMS,
    KIND_COUNT,
    KINDS,
    METADATA_ROW,
    METRIC_HASH,
    NAME,
    NAME_LEN,
    REASONS,
    ROW,
    TALLY,
    TARGET_HASH,
    TYPE,
    UNIT,
    UNIT_LEN,
    MetricType,
    Reason,
    Version,
)
from schema.remote_write.reading import count_fields, read_families, read_series, read_symbols
from schema.remote_write.writing import TEXTS, write_request
from schema.wire.errors import ErrorCode

_I64 = npt.NDArray[np.int64]

SLACK = 8
"""Bytes before the result that writing may use."""
_ROW_SHARE = 6
_ROW_ALLOWANCE = 1 << 20
"""Rows of a request may take this many bytes for each of its own, and the allowance. Real ones take up to five."""


class Malformed(Exception):
    """The bytes are no such message; the text is for the client."""


class TooLarge(Exception):
    """What the request says in OTLP would be larger than allowed."""


@dataclass(frozen=True, slots=True)
class Family:
    """Metadata of a metric family, as 1.0 sends it apart from the samples."""

    name: bytes
    type: MetricType
    help: bytes = b""
    unit: bytes = b""


class Counts(NamedTuple):
    """Items of a request, in the order of `Item`."""

    samples: int
    histograms: int
    exemplars: int


@dataclass(frozen=True, slots=True)
class Converted:
    """`body`: OTLP protobuf, empty if nothing is to be written. `written`: items in it; `rejected`: those that are not,
    by reason. `families`: metadata of a 1.0 request."""

    body: bytes
    written: Counts
    rejected: dict[Reason, Counts]
    families: list[Family]


Lookup = Callable[[bytes], Family | None]
"""What is known about the family of a metric name."""


def _unknown(name: bytes) -> Family | None:
    return None


def convert(version: Version, data: npt.NDArray[np.uint8], max_bytes: int, family_of: Lookup = _unknown) -> Converted:
    """Convert one request. `data`: uint8[n], n < 2 GiB; `max_bytes`: of the result; `family_of`: asked once for each
    metric name of a 1.0 request. Raises Malformed and TooLarge. Outside the interpreter's lock for the most part.
    """
    counts = np.zeros(3, np.int64)
    _check(count_fields(data, version, counts))
    symbols = np.zeros(2 * int(counts[0]), np.int64)
    if version is Version.V2:
        read_symbols(data, symbols)
        if len(symbols) and symbols[1] != 0:
            raise Malformed("the first symbol must be the empty string")
    if int(counts[1]) * ROW * 8 > _ROW_SHARE * len(data) + _ROW_ALLOWANCE:
        raise Malformed("it is made of too many empty series for its length")
    rows, used, tallies = (
        np.empty((int(counts[1]) + 1) * ROW, np.int64),
        np.zeros(1, np.int64),
        np.zeros(TALLY, np.int64),
    )
    lists = histogram_lists()
    _check(read_series(data, version, symbols, rows, used, tallies, lists))
    families = _families(data, int(counts[2])) if counts[2] else []
    table = rows[: int(used[0]) * ROW].reshape(-1, ROW)
    if version is Version.V1 and len(table):
        data = _describe(data, table, tallies, family_of)
    # The bound counts texts that are shared as often as they are used, and every length at its longest.
    if tallies[BOUND] > 2 * max_bytes:
        raise TooLarge
    body = _write(version, data, symbols, rows, table, tallies, lists) if len(table) else b""
    if len(body) > max_bytes:
        raise TooLarge
    numbers = tallies[: ITEMS * (1 + REASONS)].reshape(-1, ITEMS).tolist()
    rejected = {reason: Counts(*numbers[1 + reason]) for reason in Reason if any(numbers[1 + reason])}
    return Converted(body, Counts(*numbers[0]), rejected, families)


def _check(code: int) -> None:
    if code:
        raise Malformed(ErrorCode(int(code)).text)


def _write(
    version: Version,
    data: npt.NDArray[np.uint8],
    symbols: _I64,
    rows: _I64,
    table: _I64,
    tallies: _I64,
    lists: _I64,
) -> bytes:
    entry_row, entry_kind = np.nonzero((table[:, KINDS, None] >> np.arange(KIND_COUNT)) & 1)
    # By target, then by metric, then by kind. Two that share 32 bits of a hash only come in more pieces than needed.
    target, metric = table[entry_row, TARGET_HASH] >> 32 << 32, table[entry_row, METRIC_HASH] & 0xFFFFFFF8
    order = np.argsort(target | metric | entry_kind, kind="stable")
    out = np.empty(int(tallies[BOUND]) + SLACK, np.uint8)
    begin = write_request(
        data, TEXTS, version, symbols, rows, entry_row[order].astype(np.int64), entry_kind[order].astype(np.int64),
        lists, out,
    )  # fmt: skip
    return out[begin:].tobytes()


def _families(data: npt.NDArray[np.uint8], count: int) -> list[Family]:
    rows = np.empty((count + 1) * METADATA_ROW, np.int64)
    used = int(read_families(data, rows))
    if used < 0:
        _check(-used)
    families = []
    for kind, *slices in rows[: used * METADATA_ROW].reshape(-1, METADATA_ROW).tolist():
        name, text, unit = (data[at : at + size].tobytes() for at, size in zip(slices[::2], slices[1::2], strict=True))
        known = MetricType(kind) if 0 <= kind < len(MetricType) else MetricType.UNKNOWN
        families.append(Family(name, known, text, unit))
    return families


def _describe(data: npt.NDArray[np.uint8], table: _I64, tallies: _I64, family_of: Lookup) -> npt.NDArray[np.uint8]:
    """Put what is known of each name's family into its rows; the data with the texts behind it."""
    _, first, inverse = np.unique(table[:, METRIC_HASH], return_index=True, return_inverse=True)
    found = [family_of(data[at : at + size].tobytes()) for at, size in table[first][:, [NAME, NAME_LEN]].tolist()]
    if not any(found):
        return data
    end = len(data)
    described = np.zeros((len(found), 5), np.int64)
    texts = [data.tobytes()]
    for row, family in enumerate(found):
        if family is not None:
            described[row] = (family.type, end, len(family.help), end + len(family.help), len(family.unit))
            texts += (family.help, family.unit)
            end += len(family.help) + len(family.unit)
    chosen = described[inverse]
    table[:, [TYPE, HELP, HELP_LEN, UNIT, UNIT_LEN]] = chosen
    tallies[BOUND] += int((chosen[:, 2] + chosen[:, 4]).sum()) * KIND_COUNT
    return np.frombuffer(bytearray(b"".join(texts)), np.uint8)
