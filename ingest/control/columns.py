"""Fields of items as columns of text, whatever their type on the wire, for the tests of control rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from otelhouse.rules.documents.control_match import KINDS, SEVERITIES, STATUSES, TEMPORALITIES, Field
from schema.wire import MetricData, Owner, Scan, Slices, Table, ValueKind

Rows = npt.NDArray[np.int64]

_UNSPECIFIED = "unspecified"
_SEVERITY_WORDS = (_UNSPECIFIED, *(word for word in SEVERITIES for _ in range(4)))
_TYPE_WORDS = tuple(
    MetricData(number).name.lower() if number in set(MetricData) else _UNSPECIFIED
    for number in range(max(MetricData) + 1)
)
_WORDS = {
    "kind": ("kind", KINDS),
    "status": ("status.code", STATUSES),
    "type": ("data", _TYPE_WORDS),
    "temporality": ("aggregation_temporality", TEMPORALITIES),
    "severity": ("severity_number", _SEVERITY_WORDS),
}
"""Fields that are numbers on the wire: column, and the word of each number."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of some rows: `column[i]` is that of row `at[i]`."""

    at: Rows
    column: Slices


@dataclass(frozen=True, slots=True)
class Column:
    """A field of `size` rows: rows in none of the `texts` do not have it. `of_item`: row of each item; None: itself."""

    size: int
    texts: Sequence[Texts]
    of_item: Rows | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is tested: rows of items, and for tests of data points the row of a point for each."""

    items: Rows
    points: Rows | None = None

    def take(self, rows: Rows | npt.NDArray[np.bool_]) -> Chosen:
        """Some of them."""
        return Chosen(self.items[rows], None if self.points is None else self.points[rows])


def column_of(scan: Scan, field: Field, chosen: Chosen) -> Column:
    """The field of these items or points."""
    items = chosen.items
    if field.place == "resource":
        made = _attributes(scan, scan.find(Owner.RESOURCE, field.name.encode()))
        return Column(made.size, made.texts, scan.resource_of_items[items].astype(np.int64))
    if field.place == "scope":
        made = _strings(scan.scopes.slices(field.name))
        return Column(made.size, made.texts, scan.items.parent[items].astype(np.int64))
    if field.place == "attributes" and chosen.points is not None:
        return _attributes(scan, scan.find(Owner.POINT, field.name.encode())[chosen.points])
    if field.place == "attributes":
        return _attributes(scan, scan.find(Owner.ITEM, field.name.encode())[items])
    if field.name in _WORDS:
        column, words = _WORDS[field.name]
        return _words(scan.items.numbers(column)[items], words)
    if field.name == "body":
        return _values(scan, scan.items, "body", np.arange(len(items)), items)
    return _strings(scan.items.slices(field.name).take(items))


def _strings(column: Slices) -> Column:
    """An empty string is an absent one (proto3)."""
    there = np.flatnonzero(column.len > 0)
    return Column(len(column), [Texts(there, column if len(there) == len(column) else column.take(there))])


def _words(numbers: npt.NDArray[np.int32], words: Sequence[str]) -> Column:
    known = (numbers >= 0) & (numbers < len(words))
    code = np.where(known, numbers, 0).astype(np.int64)
    return Column(len(numbers), [Texts(np.arange(len(numbers)), _table(words).take(code))])


def _table(texts: Sequence[str]) -> Slices:
    data = "".join(texts).encode()
    length = np.array([len(text.encode()) for text in texts], np.int64)
    return Slices(np.frombuffer(bytearray(data or b"\0"), np.uint8), np.cumsum(length) - length, length)


def _attributes(scan: Scan, found: Rows) -> Column:
    """`found`: row in `attributes` of each row, or -1."""
    at = np.flatnonzero(found >= 0)
    made = _values(scan, scan.attributes, "value", at, found[at])
    return Column(len(found), made.texts)


def _values(scan: Scan, table: Table, column: str, at: Rows, rows: Rows) -> Column:
    """AnyValues of these rows of a table, which belong to the rows `at`."""
    kind = table.numbers(f"{column}.kind")[rows]
    texts = []
    chosen = np.flatnonzero(kind == ValueKind.STRING)
    if len(chosen):
        texts.append(Texts(at[chosen], _present(table.slices(column).take(rows[chosen]))))
    chosen = np.flatnonzero((kind == ValueKind.INT) | (kind == ValueKind.BOOL))
    if len(chosen):
        numbers = table.numbers(f"{column}.number")[rows[chosen]]
        texts.append(Texts(at[chosen], _numbers(kind[chosen] == ValueKind.BOOL, numbers)))
    chosen = np.flatnonzero((kind >= ValueKind.DOUBLE) & (kind <= ValueKind.BYTES))
    if len(chosen):
        texts.append(Texts(at[chosen], _other(scan, table, rows[chosen])))
    chosen = np.flatnonzero((kind == ValueKind.NONE) | (kind == ValueKind.STRINDEX))
    if len(chosen) and table is scan.attributes:  # an attribute without a value is null; a body without one is none
        texts.append(Texts(at[chosen], _table(["null"]).take(np.zeros(len(chosen), np.int64))))
    return Column(len(at), texts)


def _present(column: Slices) -> Slices:
    """An empty value is a value: give it a place even where the wire left it out."""
    return Slices(column.data, np.maximum(column.off, 0), column.len)


def _numbers(is_bool: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int64]) -> Slices:
    distinct, code = np.unique(numbers, return_inverse=True)
    texts = [str(number) for number in distinct.tolist()]
    code = np.where(is_bool, len(texts) + (numbers != 0), code)
    return _table([*texts, "false", "true"]).take(code)


def _other(scan: Scan, table: Table, rows: Rows) -> Slices:
    from schema.wire.text import text_of_bodies, text_of_values  # brings Arrow, and such values are rare

    text, _ = (text_of_values if table is scan.attributes else text_of_bodies)(scan, rows)
    _, offsets, values = text.buffers()
    places = np.frombuffer(offsets, np.int32 if str(text.type) == "string" else np.int64)[: len(text) + 1]
    data = np.frombuffer(values, np.uint8).copy() if values is not None and values.size else np.zeros(1, np.uint8)
    return Slices(data, places[:-1].astype(np.int64), np.diff(places).astype(np.int64))
