"""`otelhouse accounts`: what became of the items that tenants sent."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otelhouse import config_sources
from otelhouse.clock import SystemClock
from otelhouse.errors import StartupError

if TYPE_CHECKING:
    from otelhouse.accounts import Line

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", metavar="FILE")]


def accounts(
    tenant: Annotated[str, typer.Option(help="The tenant's id; all if not given.")] = "",
    since: Annotated[str, typer.Option(help="A time span (30m, 24h, 7d), or a time in ISO 8601.")] = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
    config: ConfigOption = None,
) -> None:
    """Print what became of the items that were sent: signal by signal, with the balance, which is to be 0.

    Counts are there after at most five seconds, for 14 days.
    """
    settings = config_sources.load(config, os.environ)
    began = _since(since, datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC))
    import psycopg

    from otelhouse import postgres
    from otelhouse.accounts import read

    try:
        with postgres.connect(settings.postgres) as connection:
            lines = read(connection, tenant, began)
    except psycopg.errors.UndefinedTable:
        raise StartupError("the tables are missing: run `otelhouse migrate` first") from None
    except psycopg.Error as error:
        raise StartupError(f"postgres.url: {str(error).strip().splitlines()[0]}") from None
    (_print_json if as_json else _print_table)(lines)


def _print_json(lines: list[Line]) -> None:
    for line in lines:
        typer.echo(json.dumps({**asdict(line), "signal": line.signal.name.lower()}))


def _print_table(lines: list[Line]) -> None:
    """Tab-separated: tenant, signal, outcome, cause, items, calls, bytes; after each signal its balance."""
    from otelhouse.accounts import balances

    for (tenant, signal), balance in balances(lines).items():
        label = signal.name.lower()
        for line in lines:
            if (line.tenant, line.signal) == (tenant, signal):
                typer.echo(f"{tenant}\t{label}\t{line.outcome}\t{line.cause}\t{line.items}\t{line.calls}\t{line.bytes}")
        typer.echo(f"{tenant}\t{label}\tbalance\t\t{balance}\t\t")


def _since(text: str, now: datetime) -> datetime:
    """Raises StartupError."""
    if match := _SPAN.fullmatch(text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise StartupError(f"--since: '{text}' is neither a span such as 24h nor a time in ISO 8601") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
