"""Conditions on attributes, wherever a span or a log record may carry them.

A value is compared as the text that is stored: a string as it is, anything else as its JSON (`3`, `true`,
`["a"]`). A negative operator (NE, NOT_REGEX, NOT_EXISTS) is the exact opposite of its positive one: it also
holds where the attribute is missing. Patterns are RE2 and match anywhere in the text unless anchored by `^` and `$`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from query.database import Database
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
from query.source import source

MOST_CARRIERS = 1_000
"""Of resources that are told by id."""

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


Carriers: TypeAlias = Source | Sequence[int]
"""Resources of which those that carry an attribute are to be found, or their ids when they have been."""


async def carriers(database: Database, tenant: str, match: Match) -> Carriers:
    """The ids of the resources that carry the attribute; where they are very many, or no help, the table of them."""
    resources = source("resources", tenant)
    if match.op in _OPPOSITE:
        return resources
    carrying = replace(_carrying(match, resources), distinct=True, limit=MOST_CARRIERS + 1)
    found = await database.rows(carrying)
    return resources if len(found) > MOST_CARRIERS else [resource for (resource,) in found]


def holds(
    match: Match, maps: Sequence[str], arrays: Sequence[str], carriers: Carriers, filtered: bool = False
) -> Expression:
    """Of rows that carry the attribute in one of `maps`, in an element of one of `arrays`, or in their resource.

    `filtered`: the table is the spans', whose filter over all that is used where the resources are known by id. That it
    lets too many granules through does no harm.
    """
    positive = _positive(match)
    places = [_holds_in(Column(name), positive) for name in maps]
    places += [call("arrayExists", Lambda("m", _holds_in(Column("m"), positive)), Column(name)) for name in arrays]
    if isinstance(carriers, Source):
        found = any_of(*places, call("in", Column("resource"), _carrying(positive, carriers)))
    else:
        found = any_of(*places, call("in", Column("resource"), Param("Array(UInt64)", list(carriers))))
    if positive is not match:
        return negated(found)
    if not (filtered and filters(match, carriers)) or isinstance(carriers, Source):
        return found
    wanted = call("arrayConcat", call("array", _hash(match)), Param("Array(UInt64)", list(carriers)))
    return all_of(call("indexHint", call("hasAny", _FILTERED, wanted)), found)


def filters(match: Match, carriers: Carriers) -> bool:
    """Whether the filter of the table can tell where the match may hold."""
    return match.op not in _OPPOSITE and not isinstance(carriers, Source)


def _positive(match: Match) -> Match:
    opposite = _OPPOSITE.get(match.op)
    return match if opposite is None else Match(match.key, match.value, opposite)


def _carrying(match: Match, resources: Source) -> Select:
    return Select((Alias(Column("resource"), "id"),), resources, where=(_holds_in(Column("attributes"), match),))


def _hash(match: Match) -> Expression:
    """What the filter holds of rows that carry the attribute."""
    key = text(match.key)
    return call("cityHash64", call("tuple", key, text(match.value or "")) if match.op is MatchOp.EQ else key)


def _filtered() -> Expression:
    """The index `attribute_filter` of `spans`, word for word, or it is not used."""
    keys, values = call("mapKeys", Column("m")), call("mapValues", Column("m"))
    hashes = call(
        "arrayConcat",
        call("arrayMap", Lambda("key", call("cityHash64", Column("key"))), keys),
        call("arrayMap", Lambda("pair", call("cityHash64", Column("pair"))), call("arrayZip", keys, values)),
    )
    maps = call(
        "arrayConcat",
        call("array", Column("attributes"), Column("scope_attributes")),
        Column("events_attributes"),
        Column("links_attributes"),
    )
    every = call("arrayFlatten", call("arrayMap", Lambda("m", hashes), maps))
    return call("arrayConcat", call("array", Column("resource")), every)


_FILTERED = _filtered()


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
