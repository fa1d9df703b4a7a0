"""`otelhouse keys`: make, list and revoke the API keys of tenants."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otelhouse import config_sources
from otelhouse.errors import StartupError

if TYPE_CHECKING:
    from otelhouse.keys import Connection

keys_app = typer.Typer(help="API keys of tenants.", no_args_is_help=True)

TenantOption = Annotated[str, typer.Option(help="The tenant's id.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", metavar="FILE")]


@keys_app.command("create")
def create(
    tenant: TenantOption = "default",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    create_tenant: Annotated[bool, typer.Option("--create-tenant", help="Make the tenant if it is new.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: key, id, tenant.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make a key. It is printed this once."""
    with _connection(config) as connection:
        from otelhouse.keys import create_key

        made = create_key(connection, tenant, name, create_tenant)
    if as_json:
        typer.echo(json.dumps({"key": made.key, "id": str(made.id), "tenant": made.tenant}))
    else:
        typer.echo(made.key)


@keys_app.command("list")
def list_(tenant: TenantOption = "", config: ConfigOption = None) -> None:
    """Print each key's id, tenant, prefix, time of creation, state and name, tab-separated, oldest first."""
    with _connection(config) as connection:
        from otelhouse.keys import list_keys

        for key in list_keys(connection, tenant):
            state = f"revoked {key.revoked_at:%Y-%m-%dT%H:%M:%SZ}" if key.revoked_at else "valid"
            typer.echo(
                f"{key.id}\t{key.tenant}\t{key.prefix}\t{key.created_at:%Y-%m-%dT%H:%M:%SZ}\t{state}\t{key.name}"
            )


@keys_app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="Id or prefix of the key.")], config: ConfigOption = None) -> None:
    """Revoke a key: within seconds nobody takes it any more."""
    with _connection(config) as connection:
        from otelhouse.keys import revoke_key

        revoked = revoke_key(connection, key)
    typer.echo(f"revoked {revoked.prefix} of tenant {revoked.tenant}")


@contextmanager
def _connection(config: Path | None) -> Iterator[Connection]:
    """A connection to the metadata store; what goes wrong with it is one line for the operator."""
    settings = config_sources.load(config, os.environ)
    import psycopg

    from otelhouse import postgres
    from otelhouse.keys import KeysError

    try:
        with postgres.connect(settings.postgres) as connection:
            connection.execute("SET timezone = 'UTC'")
            yield connection
    except KeysError as error:
        raise StartupError(str(error)) from None
    except psycopg.errors.UndefinedTable:
        raise StartupError("the tables are missing: run `otelhouse migrate` first") from None
    except psycopg.Error as error:
        raise StartupError(f"postgres.url: {str(error).strip().splitlines()[0]}") from None
