"""Functions of conditions (pkg/ottl/ottlfuncs), on columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from otelhouse.rules.documents.re2 import pattern
from otelhouse.rules.errors import InvalidRule
from otelhouse.sampling.ottl.columns import Column, Kind, flags
from otelhouse.sampling.ottl.parse import OttlError
from otelhouse.sampling.ottl.rows import Rows
from otelhouse.sampling.ottl.tree import Literal, Value
from schema.arrays import Mask


@dataclass(frozen=True)
class Answer:
    """bool[rows or 1] each: what is true, and what could not be answered."""

    true: Mask
    failed: Mask


Function = Callable[[Rows, Sequence[Column]], Answer]


def is_match(columns: Sequence[Column], text: str) -> Answer:
    """IsMatch: whether a pattern is found in the value as text; nil has none, and no other kind fails."""
    (target,) = columns
    texts = _as_texts(target)
    return Answer(flags(pc.match_substring_regex(texts, text)) & (target.kinds != Kind.NIL), target.failed)


def _as_texts(column: Column) -> pa.Array:
    texts = column.texts
    for kind, values in ((Kind.INT, column.ints), (Kind.BOOL, column.ints), (Kind.FLOAT, column.floats)):
        rows = np.broadcast_to(column.kinds == kind, np.broadcast_shapes(column.kinds.shape, values.shape))
        if not rows.any():
            continue
        written = [_written(kind, value) for value in values.tolist()]
        texts = pc.if_else(pa.array(rows), pa.array(written, pa.string()), texts)
    return texts if isinstance(texts, pa.Array) else pa.array([texts.as_py()], pa.string())


def _written(kind: Kind, value: float) -> str:
    if kind is Kind.BOOL:
        return "true" if value else "false"
    if kind is Kind.FLOAT and value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def _is_kind(kind: Kind) -> Function:
    def ask(rows: Rows, columns: Sequence[Column]) -> Answer:
        (value,) = columns
        return Answer(value.kinds == kind, value.failed)

    return ask


def _affix(find: Callable[..., pa.Array]) -> Callable[[Sequence[Column], str], Answer]:
    def ask(columns: Sequence[Column], text: str) -> Answer:
        (value,) = columns
        is_text = value.kinds == Kind.STRING
        return Answer(flags(find(value.texts, text)) & is_text, value.failed | ~is_text)

    return ask


def _is_root_span(rows: Rows, columns: Sequence[Column]) -> Answer:
    parents = rows.scan.items["parent_span_id"].fixed(8)[rows.span]
    return Answer(~parents.any(axis=1), np.zeros(1, np.bool_))


_PLAIN: Mapping[str, tuple[int, Function]] = {
    "IsString": (1, _is_kind(Kind.STRING)),
    "IsInt": (1, _is_kind(Kind.INT)),
    "IsDouble": (1, _is_kind(Kind.FLOAT)),
    "IsBool": (1, _is_kind(Kind.BOOL)),
    "IsRootSpan": (0, _is_root_span),
}
_WITH_TEXT: Mapping[str, Callable[[Sequence[Column], str], Answer]] = {
    "IsMatch": is_match,
    "HasPrefix": _affix(lambda texts, text: pc.starts_with(texts, text)),
    "HasSuffix": _affix(lambda texts, text: pc.ends_with(texts, text)),
}


def function(name: str, arguments: Sequence[Value]) -> tuple[Function, int]:
    """A function of its first so many arguments; the others are constants. Raises OttlError."""
    if name in _PLAIN:
        count, plain = _PLAIN[name]
        if len(arguments) != count:
            raise OttlError(f"{name} takes {count} arguments")
        return plain, count
    if name not in _WITH_TEXT:
        raise OttlError(f"the function {name} is not supported")
    if len(arguments) != 2 or not isinstance(arguments[1], Literal) or not isinstance(arguments[1].value, str):
        raise OttlError(f"{name} takes a value and a constant text")
    text, ask = arguments[1].value, _WITH_TEXT[name]
    if name == "IsMatch" and text:
        try:
            pattern(text, name)
        except InvalidRule as error:
            raise OttlError(str(error)) from None
    return lambda rows, columns: ask(columns, text), 1
