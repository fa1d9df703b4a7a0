"""What the commands that look after the metadata store share: its connection, who runs them, how times are written."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otelhouse import config_sources
from otelhouse.errors import StartupError

if TYPE_CHECKING:
    from otelhouse.postgres import Connection

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", metavar="FILE")]
TenantOption = Annotated[str, typer.Option(help="The tenant's id.")]
AnyTenantOption = Annotated[str, typer.Option(help="Of this tenant only.")]

ScopeOption = Annotated[
    list[str] | None, typer.Option("--scope", help="What it may do: ingest, query or admin; may be given again.")
]

_SCOPES = ("ingest", "query", "admin")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@contextmanager
def metadata(config: Path | None) -> Iterator[Connection]:
    """A connection to the metadata store; what goes wrong with it is one line for the operator."""
    settings = config_sources.load(config, os.environ)
    import psycopg

    from otelhouse import postgres
    from otelhouse.hash_keys import HashKeysError
    from otelhouse.keys import KeysError
    from otelhouse.rules.errors import RulesError

    try:
        with postgres.connect(settings.postgres) as connection:
            connection.execute("SET timezone = 'UTC'")
            yield connection
    except (KeysError, RulesError, HashKeysError) as error:
        raise StartupError(str(error)) from None
    except psycopg.errors.UndefinedTable:
        raise StartupError("the tables are missing: run `otelhouse migrate` first") from None
    except psycopg.errors.UndefinedColumn:
        raise StartupError("the tables are of an older release: run `otelhouse migrate` first") from None
    except psycopg.Error as error:
        raise StartupError(f"postgres.url: {str(error).strip().splitlines()[0]}") from None


def actor() -> str:
    """Who runs the command, for the audit log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"cli:{user}@{socket.gethostname()}"


def check_scopes(given: list[str] | None) -> None:
    """Raises BadParameter. Checked before anything is asked of PostgreSQL."""
    for each in given or ():
        if each not in _SCOPES:
            raise typer.BadParameter(f"'{each}' is none of {', '.join(_SCOPES)}", param_hint="--scope")


def written(time: datetime | None) -> str:
    """A time to the second, in UTC; `-` for none."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if time else "-"


def ago(text: str) -> timedelta:
    """How long: `90d`, `12h`, `30m`. Raises BadParameter."""
    number, unit = text[:-1], text[-1:]
    try:
        if number.isdigit() and unit in _UNITS:
            return timedelta(**{_UNITS[unit]: int(number)})
    except OverflowError:
        pass
    raise typer.BadParameter(f"'{text}' is not like 7d, 12h or 30m")


def expiry(text: str, now: datetime) -> datetime:
    """When something ends: `90d`, `12h`, `30m` from now, or a time of RFC 3339, or a day. Raises BadParameter."""
    number, unit = text[:-1], text[-1:]
    try:
        if number.isdigit() and unit in _UNITS:
            end = now + timedelta(**{_UNITS[unit]: int(number)})
        else:
            end = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"'{text}' is neither like 90d, 12h or 30m nor a time like 2027-01-31T00:00:00Z"
        ) from None
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    if end <= now:
        raise typer.BadParameter(f"'{text}' is in the past")
    return end
