"""What became of traces, and why: from the ledger of verdicts, and from the index of all traces that were ever seen."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from query.database import Database
from query.plan.tree import Alias, Column, Number, Order, Select, call
from query.read.spans import hexadecimal, identifiers
from query.source import Range, nanoseconds, source


class State(Enum):
    """KEPT and DROPPED by a verdict; PENDING until there is one; UNSAMPLED: no rule asked for one."""

    KEPT = "KEPT"
    DROPPED = "DROPPED"
    PENDING = "PENDING"
    UNSAMPLED = "UNSAMPLED"


class Decision(NamedTuple):
    """The verdict on a trace, or that there is none. Times in nanoseconds, log time; `rate`: the part of such traces
    that is kept. `early`: the bound because of which the trace did not wait its time."""

    state: State
    policy: str = ""
    reason: str = ""
    early: str = ""
    rate: float | None = None
    estimated: bool = False
    decided: int | None = None
    rule_version: int | None = None
    spans: int | None = None
    duplicates: int | None = None


_NINE = Number(9)  # digits of a second
_UNDECIDED = {
    State.PENDING: "it waits for its verdict",
    State.UNSAMPLED: "no sampling rule was in force when it came",
}
_TOLD = ("policy", "reason", "early", "rate", "estimated")


async def decisions(database: Database, tenant: str, trace_ids: Sequence[str]) -> dict[str, Decision]:
    """By trace id; a trace that was never seen is left out.

    A trace may have been decided more than once, when spans came after its verdict was forgotten: that it was kept
    counts for more than that other spans of it were dropped.
    """
    seen = await database.rows(
        Select(
            (
                Alias(hexadecimal(Column("trace_id")), "id"),
                Alias(call("maxIf", Column("block"), Column("pending")), "waits_since"),
            ),
            source("trace_index", tenant),
            where=(identifiers("trace_id", 16, trace_ids),),
            group_by=(Column("trace_id"),),
        )
    )
    verdicts = await database.rows(
        Select(
            (
                Alias(hexadecimal(Column("trace_id")), "id"),
                Alias(Column("kept"), "f_kept"),
                *(Alias(Column(name), f"f_{name}") for name in _TOLD),
                Alias(nanoseconds(call("toDateTime64", Column("decided"), _NINE)), "at"),
                Alias(Column("rule_version"), "version"),
                Alias(Column("spans"), "f_spans"),
                Alias(Column("duplicates"), "f_duplicates"),
                Alias(Column("block"), "f_block"),
            ),
            source("decisions", tenant),
            where=(identifiers("trace_id", 16, trace_ids),),
            order_by=(Order(Column("kept")), Order(Column("decided"))),
        )
    )
    found: dict[str, Decision] = {}
    newest: dict[str, int] = {}
    for trace_id, kept, *told, block in verdicts:  # the last that is kept, or the last, stays
        found[trace_id] = Decision(State.KEPT if kept else State.DROPPED, *told)
        newest[trace_id] = max(block, newest.get(trace_id, 0))
    for trace_id, waits_since in seen:
        held = found.get(trace_id)
        if waits_since > newest.get(trace_id, 0) and (held is None or held.state is State.DROPPED):
            found[trace_id] = Decision(State.PENDING, reason=_UNDECIDED[State.PENDING])
        elif held is None:
            found[trace_id] = Decision(State.UNSAMPLED, reason=_UNDECIDED[State.UNSAMPLED])
    return found


class Volume(NamedTuple):
    """What a policy decided: traces, spans, and bytes as they came; `policy` '': none matched."""

    policy: str
    kept: bool
    traces: int
    spans: int
    bytes: int


async def volumes(database: Database, tenant: str, range: Range) -> list[Volume]:
    """Of the verdicts in a range of log time, the largest first."""
    rows = await database.rows(
        Select(
            (
                Alias(Column("policy"), "f_policy"),
                Alias(Column("kept"), "f_kept"),
                Alias(call("count"), "traces"),
                Alias(call("sum", call("toUInt64", Column("spans"))), "total_spans"),
                Alias(call("sum", Column("bytes")), "total_bytes"),
            ),
            source("decisions", tenant, range),
            group_by=(Column("policy"), Column("kept")),
            order_by=(Order(Column("total_spans"), descending=True), Order(Column("policy")), Order(Column("kept"))),
            limit=2_000,
        )
    )
    return [Volume(policy, bool(kept), *numbers) for policy, kept, *numbers in rows]
