"""Conditions on attributes, wherever a span or a log record may carry them.

A value is compared as the text that is stored: a string as it is, anything else as its JSON (`3`, `true`,
`["a"]`). A negative operator (NE, NOT_REGEX, NOT_EXISTS) is the exact opposite of its positive one: it also
holds where the attribute is missing. Patterns are RE2 and match anywhere in the text unless anchored by `^` and `$`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from query.errors import BadInput
from query.plan.tree import (
    Alias,
    Column,
    Expression,
    Lambda,
    Number,
    Param,
    Select,
    Source,
    all_of,
    any_of,
    call,
    equals,
    negated,
    text,
)

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class MatchOp(Enum):
    """How a value is compared."""

    EQ = "EQ"
    NE = "NE"
    REGEX = "REGEX"
    NOT_REGEX = "NOT_REGEX"
    EXISTS = "EXISTS"
    NOT_EXISTS = "NOT_EXISTS"
    GT = "GT"
    LT = "LT"


_OPPOSITE = {MatchOp.NE: MatchOp.EQ, MatchOp.NOT_REGEX: MatchOp.REGEX, MatchOp.NOT_EXISTS: MatchOp.EXISTS}


@dataclass(frozen=True, slots=True)
class Match:
    """One condition. `value` is needed by all operators but EXISTS and NOT_EXISTS, which ignore it."""

    key: str
    value: str | None = None
    op: MatchOp = MatchOp.EQ

    def __post_init__(self) -> None:
        if self.value is None and self.op not in (MatchOp.EXISTS, MatchOp.NOT_EXISTS):
            raise BadInput(f"attributes: {self.op.value} on {self.key!r} needs a value")


def holds(match: Match, maps: Sequence[str], arrays: Sequence[str], resources: Source) -> Expression:
    """Of rows that carry the attribute in one of `maps`, in an element of one of `arrays`, or in their resource."""
    positive = _OPPOSITE.get(match.op)
    if positive is not None:
        return negated(holds(Match(match.key, match.value, positive), maps, arrays, resources))
    places = [_holds_in(Column(name), match) for name in maps]
    places += [call("arrayExists", Lambda("m", _holds_in(Column("m"), match)), Column(name)) for name in arrays]
    found = Select((Alias(Column("resource"), "id"),), resources, where=(_holds_in(Column("attributes"), match),))
    return any_of(*places, call("in", Column("resource"), found))


def _holds_in(attributes: Column, match: Match) -> Expression:
    key = text(match.key)
    value = call("arrayElement", attributes, key)
    there = call("mapContains", attributes, key)
    wanted = match.value or ""
    match match.op:
        case MatchOp.EQ:
            # A missing key reads as empty text, so only the empty text needs the second look.
            same = equals(value, text(wanted))
            return same if wanted else all_of(there, same)
        case MatchOp.REGEX:
            return all_of(there, call("match", value, text(wanted)))
        case MatchOp.GT | MatchOp.LT:
            if not _NUMBER.fullmatch(wanted):
                return Number(0)
            compare = "greater" if match.op is MatchOp.GT else "less"
            number = call("toFloat64OrNull", value)
            return call("ifNull", call(compare, number, Param("Float64", float(wanted))), Number(0))
        case _:
            return there
