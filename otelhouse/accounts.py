"""The table of accounts in PostgreSQL: what became of the items that tenants sent, by minute of acceptance.

received = published + rejected + limited + dropped + failed, for each tenant, signal and minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from schema.signal import Signal

Connection = psycopg.Connection[tuple[Any, ...]]

KEEP_DAYS = 14
"""How long minutes are kept."""
_FORGET_WRITERS_DAYS = 1


class Outcome(StrEnum):
    """What became of items. RECEIVED is the sum of all others."""

    RECEIVED = "received"
    PUBLISHED = "published"
    """The log has them."""
    REJECTED = "rejected"
    """Told to the client in partial_success, or the whole call was no OTLP; cause: the reason."""
    LIMITED = "limited"
    """The call was refused by a limit; cause: its name."""
    DROPPED = "dropped"
    """Left out by a rule, or under pressure; cause: which."""
    FAILED = "failed"
    """Not acknowledged, by a fault or outage of ours; the client may send them again."""


class Account(NamedTuple):
    """Whose items, when, and what became of them. `minute`: minutes since the epoch."""

    tenant: str
    signal: Signal
    minute: int
    outcome: Outcome
    cause: str


@dataclass(slots=True)
class Count:
    """How much. A call whose body nobody read has calls and bytes, but no items."""

    items: int = 0
    calls: int = 0
    bytes: int = 0

    def add(self, other: Count) -> None:
        """Add another count to this one."""
        self.items += other.items
        self.calls += other.calls
        self.bytes += other.bytes


def write(connection: Connection, writer: UUID, sequence: int, counts: Iterable[tuple[Account, Count]]) -> bool:
    """Add counts to the table, all or none.

    `sequence` grows with each delta of a writer: one that is in the table already is not added again, so after an
    error that leaves it open whether it was written, call again with the same. False: it was. Raises psycopg.Error.
    """
    rows = sorted(counts, key=lambda entry: entry[0])  # in one order by all writers: no deadlocks
    with connection.transaction():
        new = connection.execute(
            "INSERT INTO ingest_account_writers AS w (writer, sequence, written_at) VALUES (%s, %s, now())"
            " ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, written_at = excluded.written_at"
            " WHERE w.sequence < excluded.sequence RETURNING sequence",
            (writer, sequence),
        ).fetchone()
        if new is None:
            return False
        connection.execute(
            "INSERT INTO ingest_accounts AS a (tenant, signal, minute, outcome, cause, items, calls, bytes)"
            " SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],"
            " %s::bigint[], %s::bigint[], %s::bigint[])"
            " ON CONFLICT (tenant, minute, signal, outcome, cause) DO UPDATE"
            " SET items = a.items + excluded.items, calls = a.calls + excluded.calls, bytes = a.bytes + excluded.bytes",
            (
                [account.tenant for account, _ in rows],
                [account.signal.name.lower() for account, _ in rows],
                [datetime.fromtimestamp(account.minute * 60, UTC) for account, _ in rows],
                [account.outcome.value for account, _ in rows],
                [account.cause for account, _ in rows],
                [count.items for _, count in rows],
                [count.calls for _, count in rows],
                [count.bytes for _, count in rows],
            ),
        )
    return True


def forget(connection: Connection) -> None:
    """Delete what is older than it is kept. Raises psycopg.Error."""
    connection.execute("DELETE FROM ingest_accounts WHERE minute < now() - make_interval(days => %s)", (KEEP_DAYS,))
    connection.execute(
        "DELETE FROM ingest_account_writers WHERE written_at < now() - make_interval(days => %s)",
        (_FORGET_WRITERS_DAYS,),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A sum over minutes, of one tenant, signal, outcome and cause."""

    tenant: str
    signal: Signal
    outcome: Outcome
    cause: str
    items: int
    calls: int
    bytes: int


def read(connection: Connection, tenant: str, since: datetime) -> list[Line]:
    """Sums since a time, of a tenant or ("") of all, in the order of signals and outcomes. Raises psycopg.Error."""
    rows = connection.execute(
        "SELECT tenant, signal, outcome, cause, sum(items)::bigint, sum(calls)::bigint, sum(bytes)::bigint"
        " FROM ingest_accounts WHERE (%s = '' OR tenant = %s) AND minute >= %s GROUP BY tenant, signal, outcome, cause",
        (tenant, tenant, since),
    )
    lines = [Line(row[0], Signal[row[1].upper()], Outcome(row[2]), *row[3:]) for row in rows]
    order = list(Outcome)
    return sorted(lines, key=lambda line: (line.tenant, line.signal, order.index(line.outcome), line.cause))


def balances(lines: Sequence[Line]) -> dict[tuple[str, Signal], int]:
    """By tenant and signal: items received, less what became of them. Anything but 0 is a fault of ours."""
    found: dict[tuple[str, Signal], int] = {}
    for line in lines:
        sign = 1 if line.outcome is Outcome.RECEIVED else -1
        place = line.tenant, line.signal
        found[place] = found.get(place, 0) + sign * line.items
    return found
