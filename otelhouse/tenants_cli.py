"""`otelhouse tenants`, `otelhouse certificates`, `otelhouse secrets` and `otelhouse audit`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from otelhouse.metadata_cli import (
    AnyTenantOption,
    ConfigOption,
    ScopeOption,
    TenantOption,
    actor,
    check_scopes,
    metadata,
    written,
)

tenants_app = typer.Typer(help="Tenants: whose data it is.", no_args_is_help=True)
certificates_app = typer.Typer(help="Client certificates: which tenant a name is.", no_args_is_help=True)
secrets_app = typer.Typer(help="Secrets of the keyed hashes that masking writes.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]
SanArgument = Annotated[str, typer.Argument(help="The name, as URI:... or DNS:...", metavar="NAME")]
ClassOption = Annotated[int | None, typer.Option(help="Retention class, 0 to 7.", min=0, max=7)]


@tenants_app.command("create")
def create(
    tenant: IdArgument,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    config: ConfigOption = None,
) -> None:
    """Make a tenant: lower-case letters, digits, '-' and '_'."""
    with metadata(config) as connection:
        from otelhouse import tenants

        tenants.create(connection, tenant, name, actor())
    typer.echo(f"created {tenant}")


@tenants_app.command("list")
def list_(config: ConfigOption = None) -> None:
    """Print each tenant's id, state, retention classes (traces, metrics, logs), time of creation and name."""
    with metadata(config) as connection:
        from otelhouse.tenants import list_tenants

        for each in list_tenants(connection):
            state = f"disabled {written(each.disabled_at)}" if each.disabled_at else "enabled"
            classes = ",".join(map(str, each.retention_classes))
            typer.echo(f"{each.id}\t{state}\t{classes}\t{written(each.created_at)}\t{each.name}")


@tenants_app.command("show")
def show(tenant: IdArgument, config: ConfigOption = None) -> None:
    """Print a tenant as JSON: its rules' versions, keys, certificates and hash keys too."""
    with metadata(config) as connection:
        from otelhouse.certificates import list_certificates
        from otelhouse.hash_keys import list_hash_keys
        from otelhouse.keys import list_keys
        from otelhouse.rules.store import RuleStore
        from otelhouse.tenants import get

        found = get(connection, tenant)
        said = {
            "id": found.id,
            "name": found.name,
            "created_at": written(found.created_at),
            "disabled_at": written(found.disabled_at) if found.disabled_at else None,
            "retention_classes": dict(zip(("traces", "metrics", "logs"), found.retention_classes, strict=True)),
            "rules": {rule.kind: rule.version for rule in RuleStore(connection).list(tenant)},
            "keys": [key.prefix for key in list_keys(connection, tenant) if key.revoked_at is None],
            "certificates": [each.san for each in list_certificates(connection, tenant) if each.revoked_at is None],
            "hash_keys": [key.id for key in list_hash_keys(connection, tenant) if key.destroyed_at is None],
        }
    typer.echo(json.dumps(said, indent=2))


@tenants_app.command("retention")
def retention(
    tenant: IdArgument,
    traces: ClassOption = None,
    metrics: ClassOption = None,
    logs: ClassOption = None,
    config: ConfigOption = None,
) -> None:
    """Set under which classes a tenant's signals are kept, from now on; what is not given stays."""
    with metadata(config) as connection:
        from otelhouse.rules.rule import Kind
        from otelhouse.rules.store import Change, RuleStore
        from otelhouse.tenants import get

        held = dict(zip(("traces", "metrics", "logs"), get(connection, tenant).retention_classes, strict=True))
        given = {"traces": traces, "metrics": metrics, "logs": logs}
        wanted = held | {signal: number for signal, number in given.items() if number is not None}
        applied = RuleStore(connection).apply([Change(tenant, Kind.RETENTION, wanted)], actor())[0]
    typer.echo(f"{tenant} retention version {applied.version}: " + " ".join(f"{k}={v}" for k, v in wanted.items()))


@tenants_app.command("disable")
def disable(tenant: IdArgument, config: ConfigOption = None) -> None:
    """Refuse all that a tenant's keys and certificates ask for, within seconds. Its data stays."""
    _set_disabled(tenant, True, config)


@tenants_app.command("enable")
def enable(tenant: IdArgument, config: ConfigOption = None) -> None:
    """Undo `disable`."""
    _set_disabled(tenant, False, config)


@certificates_app.command("add")
def add_certificate(
    san: SanArgument,
    tenant: TenantOption = "default",
    scope: ScopeOption = None,
    config: ConfigOption = None,
) -> None:
    """Have clients whose certificate holds this name be a tenant. Without --scope they may ingest."""
    check_scopes(scope)
    with metadata(config) as connection:
        from otelhouse.certificates import add
        from otelhouse.keys import Scope

        scopes = {Scope(each) for each in scope or ("ingest",)}
        added = add(connection, san, tenant, scopes, actor())
    typer.echo(f"added {added.san} of tenant {added.tenant}")


@certificates_app.command("list")
def list_certificates_(tenant: AnyTenantOption = "", config: ConfigOption = None) -> None:
    """Print each name, its tenant, scopes, time of creation and state, tab-separated."""
    with metadata(config) as connection:
        from otelhouse.certificates import list_certificates

        for each in list_certificates(connection, tenant):
            state = f"revoked {written(each.revoked_at)}" if each.revoked_at else "valid"
            typer.echo(f"{each.san}\t{each.tenant}\t{','.join(each.scopes)}\t{written(each.created_at)}\t{state}")


@certificates_app.command("revoke")
def revoke_certificate(san: SanArgument, config: ConfigOption = None) -> None:
    """Take a name from its tenant: within seconds nobody takes it any more."""
    with metadata(config) as connection:
        from otelhouse.certificates import revoke

        revoked = revoke(connection, san, actor())
    typer.echo(f"revoked {revoked.san} of tenant {revoked.tenant}")


@secrets_app.command("list")
def list_secrets(tenant: AnyTenantOption = "", config: ConfigOption = None) -> None:
    """Print each hash key's tenant, id, time of creation and state, tab-separated; the secrets are never shown."""
    with metadata(config) as connection:
        from otelhouse.hash_keys import list_hash_keys

        for each in list_hash_keys(connection, tenant):
            state = f"destroyed {written(each.destroyed_at)}" if each.destroyed_at else "kept"
            typer.echo(f"{each.tenant}\t{each.id}\t{written(each.created_at)}\t{state}")


@secrets_app.command("rotate")
def rotate_secret(tenant: TenantOption = "default", config: ConfigOption = None) -> None:
    """Hash under a new secret from now on: what comes no longer joins what was hashed before."""
    with metadata(config) as connection:
        from otelhouse.hash_keys import rotate

        made = rotate(connection, tenant, actor())
    typer.echo(f"tenant {tenant} hashes under key {made} now")


@secrets_app.command("destroy")
def destroy_secret(
    key: Annotated[int, typer.Argument(help="The hash key's id, as it stands in the hashes.")],
    tenant: TenantOption = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Destroy a secret for good: nobody can find out any more which values were hashed under it."""
    if not yes:
        typer.confirm(f"Destroy hash key {key} of tenant {tenant}? This cannot be undone.", abort=True)
    with metadata(config) as connection:
        from otelhouse.hash_keys import destroy

        successor = destroy(connection, tenant, key, actor())
    typer.echo(
        f"destroyed hash key {key} of tenant {tenant}" + (f"; key {successor} is in use now" if successor else "")
    )


def audit(
    tenant: AnyTenantOption = "",
    limit: Annotated[int, typer.Option(help="Entries at most.", min=1, max=100_000)] = 100,
    config: ConfigOption = None,
) -> None:
    """Print who changed what, newest first, a line of JSON each."""
    with metadata(config) as connection:
        from otelhouse.audit import read

        for each in read(connection, tenant, limit):
            said = {"id": each.id, "at": written(each.at), "actor": each.actor, "action": each.action}
            said |= {"tenant": each.tenant, "object": each.object, "before": each.before, "after": each.after}
            typer.echo(json.dumps(said))


def _set_disabled(tenant: str, disabled: bool, config: ConfigOption) -> None:
    with metadata(config) as connection:
        from otelhouse.tenants import set_disabled

        changed = set_disabled(connection, tenant, disabled, actor())
    state = "disabled" if disabled else "enabled"
    typer.echo(f"{tenant} is {state}" + ("" if changed else " already"))
