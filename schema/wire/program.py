"""The descriptors as arrays that the scanning kernel interprets.

Each (message, field number) is one row of eight int32: wire type, operation, column, mark column, mark, next
message, table, union. A row of a table is a run of 64-bit words, seen as two int32 each; it opens with the header
below and goes on with the columns, slices (offset, length) and 64-bit numbers on even places.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from schema.signal import Signal
from schema.wire.descriptors import LISTS, MESSAGES, Field, Tab, Type

PARENT, AUX, TAG, START, END = range(5)
"""Header of a row, int32 each: row of the parent, the field's `aux`, where the field's tag begins, and the body's
start and end. A row of a list table is only (parent, 0, number)."""
HEADER = 5
LIST_WORDS = 2

_AUX_NAME = {Tab.ATTRIBUTES: "owner", Tab.POINTS: "data", Tab.VALUES: "holder"}
"""Columns that show a row's AUX under a name."""

LEFT_OUT = len(Tab)
"""Stands behind the tables: where attributes are counted that a brief scan does not keep."""

FIELD_BITS = 5
"""Field numbers below 1 << FIELD_BITS are known; OTLP's are at most 16."""

ENTRY = 8
WIRE, OP, COLUMN, MARK_COLUMN, MARK, NEXT, TABLE, UNION = range(ENTRY)

OP_UNKNOWN, OP_BYTES, OP_STRING, OP_MESSAGE, OP_ROW = range(5)
OP_INT64, OP_BOOL64, OP_INT32, OP_BOOL32, OP_ZIGZAG32 = range(5, 10)
OP_FIXED64, OP_FIXED32, OP_LIST_FIXED64, OP_LIST_VARINT = range(10, 14)

_WIRE = {
    Type.STRING: 2,
    Type.BYTES: 2,
    Type.MESSAGE: 2,
    Type.FIXED64: 1,
    Type.SFIXED64: 1,
    Type.DOUBLE: 1,
    Type.FIXED32: 5,
    # Packed or not: the kernel takes 2 as well as what stands here.
    Type.FIXED64_LIST: 1,
    Type.DOUBLE_LIST: 1,
    Type.UINT64_LIST: 0,
}

_LONG = {Type.UINT64, Type.INT64, Type.FIXED64, Type.SFIXED64, Type.DOUBLE}
_DTYPE = {
    Type.UINT64: np.uint64,
    Type.INT64: np.int64,
    Type.FIXED64: np.uint64,
    Type.SFIXED64: np.int64,
    Type.DOUBLE: np.float64,
    Type.UINT32: np.uint32,
    Type.INT32: np.int32,
    Type.SINT32: np.int32,
    Type.FIXED32: np.uint32,
    Type.BOOL: np.bool_,
    Type.UINT64_LIST: np.uint64,
    Type.FIXED64_LIST: np.uint64,
    Type.DOUBLE_LIST: np.float64,
}


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column stands in its row: `at` counts int32. `dtype` None is a slice."""

    at: int
    dtype: np.dtype[np.generic] | None


@dataclass(frozen=True, slots=True)
class Program:
    """What the kernel needs for one signal.

    `fields`: int32[(messages << FIELD_BITS) * ENTRY]; `words`: int64[tables + 1], 64-bit words in a row, LEFT_OUT
    included; `used`: int64[tables + 1], 1 for the tables that the signal has, else 0; `columns`: for each table the
    columns by name. The root message has number 0.
    """

    fields: npt.NDArray[np.int32]
    words: npt.NDArray[np.int64]
    used: npt.NDArray[np.int64]
    columns: dict[Tab, dict[str, Column]]


@cache
def program(signal: Signal) -> Program:
    """The compiled descriptors of a signal."""
    return _Compiler(signal).compile()


OUTLINED = frozenset({Tab.ATTRIBUTES, Tab.EVENTS, Tab.LINKS, Tab.VALUES, Tab.UNKNOWN})
"""Tables that an outline leaves out."""


@cache
def outline_fields(signal: Signal) -> npt.NDArray[np.int32]:
    """`fields` of a program that steps over what belongs into these tables."""
    fields = program(signal).fields.reshape(-1, ENTRY).copy()
    stepped = (fields[:, OP] == OP_ROW) & np.isin(fields[:, TABLE], list(OUTLINED))
    fields[stepped, OP], fields[stepped, COLUMN] = OP_BYTES, -1
    return fields.ravel()


class _Compiler:
    """Numbers every (message, table whose row it fills) and gives each column its place."""

    def __init__(self, signal: Signal) -> None:
        self._messages = MESSAGES[signal]
        self._contexts: dict[tuple[str, Tab | None], int] = {}
        self._types: dict[Tab, dict[str, set[Type]]] = {}
        self._marks: dict[Tab, dict[str, int]] = {}

    def compile(self) -> Program:
        self._visit("Request", None)
        columns = {table: self._place(table) for table in Tab}
        fields = np.zeros((len(self._contexts) << FIELD_BITS, ENTRY), np.int32)
        for (message, table), index in self._contexts.items():
            for field in self._messages[message]:
                fields[(index << FIELD_BITS) | field.number] = self._entry(field, table, columns)
        words = [self._words(table, columns[table]) for table in (*Tab, Tab.ATTRIBUTES)]
        used = [*(1 if columns[table] or table is Tab.UNKNOWN else 0 for table in Tab), 0]
        return Program(fields.ravel(), np.array(words, np.int64), np.array(used, np.int64), columns)

    def _visit(self, message: str, table: Tab | None) -> None:
        if (message, table) in self._contexts:
            return
        self._contexts[message, table] = len(self._contexts)
        for field in self._messages[message]:
            if field.type in (Type.FIXED64_LIST, Type.DOUBLE_LIST, Type.UINT64_LIST) and field.table is not None:
                self._types.setdefault(field.table, {})["number"] = {field.type}
            elif table is not None:
                if field.column:
                    self._types.setdefault(table, {}).setdefault(field.column, set()).add(field.type)
                if field.mark:
                    self._marks.setdefault(table, {})[field.mark[0]] = field.mark[1]
            if field.message:
                self._visit(field.message, field.table if field.table is not None else table)

    def _place(self, table: Tab) -> dict[str, Column]:
        if table in LISTS:
            return {
                name: Column(2, np.dtype(_DTYPE[next(iter(types))]))
                for name, types in self._types.get(table, {}).items()
            }
        placed: dict[str, Column] = {}
        if table in self._types and table in _AUX_NAME:
            placed[_AUX_NAME[table]] = Column(AUX, np.dtype(np.uint8))
        at = HEADER
        wide: list[tuple[str, np.dtype[np.generic] | None]] = []
        for name in self._marks.get(table, {}):
            dtype = np.dtype(np.bool_ if name.startswith("has_") else np.uint8)
            placed[name] = Column(at, dtype)
            at += 1
        for name, types in self._types.get(table, {}).items():
            if types & {Type.STRING, Type.BYTES, Type.MESSAGE}:
                wide.append((name, None))
            elif types & _LONG:
                wide.append((name, np.dtype(_DTYPE[next(iter(types))] if len(types) == 1 else np.int64)))
            else:
                placed[name] = Column(at, np.dtype(_DTYPE[next(iter(types))]))
                at += 1
        at += at % 2
        for name, wide_dtype in wide:
            placed[name] = Column(at, wide_dtype)
            at += 2
        return placed

    def _words(self, table: Tab, columns: dict[str, Column]) -> int:
        if table in LISTS:
            return LIST_WORDS
        used = [HEADER] + [column.at + (1 if _narrow(column) else 2) for column in columns.values()]
        return (max(used) + 1) // 2

    def _entry(self, field: Field, table: Tab | None, columns: dict[Tab, dict[str, Column]]) -> list[int]:
        own = columns[table] if table is not None else {}
        column = own.get(field.column) if field.column else None
        mark_column, mark = (own[field.mark[0]].at, field.mark[1]) if field.mark else (-1, 0)
        child = field.table if field.table is not None else table
        return [
            _WIRE.get(field.type, 0),
            _operation(field, column),
            column.at if column else -1,
            mark_column,
            mark if field.mark else field.aux,
            self._contexts[field.message, child] if field.message else 0,
            int(field.table) if field.table is not None else -1,
            sum(1 << number for number in field.union),
        ]


def _narrow(column: Column) -> bool:
    return column.dtype is not None and column.dtype.itemsize < 8


def _operation(field: Field, column: Column | None) -> int:
    if field.type is Type.MESSAGE:
        return OP_MESSAGE if field.table is None else OP_ROW
    long = column is not None and not _narrow(column)
    return {
        Type.STRING: OP_STRING,
        Type.BYTES: OP_BYTES,
        Type.UINT64: OP_INT64,
        Type.INT64: OP_INT64,
        Type.UINT32: OP_INT32,
        Type.INT32: OP_INT32,
        Type.BOOL: OP_BOOL64 if long else OP_BOOL32,
        Type.SINT32: OP_ZIGZAG32,
        Type.FIXED64: OP_FIXED64,
        Type.SFIXED64: OP_FIXED64,
        Type.DOUBLE: OP_FIXED64,
        Type.FIXED32: OP_FIXED32,
        Type.FIXED64_LIST: OP_LIST_FIXED64,
        Type.DOUBLE_LIST: OP_LIST_FIXED64,
        Type.UINT64_LIST: OP_LIST_VARINT,
    }[field.type]
