"""`otelhouse keys`: make, list and revoke the API keys of tenants."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from otelhouse.clock import SystemClock
from otelhouse.metadata_cli import (
    AnyTenantOption,
    ConfigOption,
    ScopeOption,
    TenantOption,
    actor,
    check_scopes,
    expiry,
    metadata,
    written,
)

if TYPE_CHECKING:
    from otelhouse.keys import KeyInfo

keys_app = typer.Typer(help="API keys of tenants.", no_args_is_help=True)


@keys_app.command("create")
def create(
    tenant: TenantOption = "default",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: ScopeOption = None,
    expires: Annotated[str, typer.Option(help="When it ends: 90d, 12h, or a time. Without: never.")] = "",
    create_tenant: Annotated[bool, typer.Option("--create-tenant", help="Make the tenant if it is new.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: key, id, tenant.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make a key, printed this once. Without --scope it may ingest and query."""
    check_scopes(scope)
    now = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC)
    ends = expiry(expires, now) if expires else None
    with metadata(config) as connection:
        from otelhouse.keys import DEFAULT_SCOPES, Scope, create_key

        scopes = {Scope(each) for each in scope} if scope else DEFAULT_SCOPES
        made = create_key(connection, tenant, name, create_tenant, scopes, ends, actor())
    if as_json:
        typer.echo(json.dumps({"key": made.key, "id": str(made.id), "tenant": made.tenant}))
    else:
        typer.echo(made.key)


@keys_app.command("list")
def list_(tenant: AnyTenantOption = "", config: ConfigOption = None) -> None:
    """Print each key's id, tenant, prefix, time of creation, state, name and scopes, tab-separated, oldest first."""
    now = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC)
    with metadata(config) as connection:
        from otelhouse.keys import list_keys

        for key in list_keys(connection, tenant):
            columns = (key.id, key.tenant, key.prefix, written(key.created_at), _state(key, now), key.name)
            typer.echo("\t".join((*map(str, columns), ",".join(key.scopes))))


def _state(key: KeyInfo, now: datetime) -> str:
    if key.revoked_at:
        return f"revoked {written(key.revoked_at)}"
    if key.expires_at:
        return f"{'expired' if key.expires_at <= now else 'valid until'} {written(key.expires_at)}"
    return "valid"


@keys_app.command("revoke")
def revoke(key: Annotated[str, typer.Argument(help="Id or prefix of the key.")], config: ConfigOption = None) -> None:
    """Revoke a key: within seconds nobody takes it any more."""
    with metadata(config) as connection:
        from otelhouse.keys import revoke_key

        revoked = revoke_key(connection, key, actor())
    typer.echo(f"revoked {revoked.prefix} of tenant {revoked.tenant}")
