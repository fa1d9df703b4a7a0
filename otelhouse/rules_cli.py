"""`otelhouse rules`: put the rules of tenants into force from files, look at them, and go back."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otelhouse.metadata_cli import AnyTenantOption, ConfigOption, TenantOption, actor, metadata, written
from otelhouse.rules.rule import Kind
from otelhouse.rules_try import try_rules

if TYPE_CHECKING:
    from otelhouse.rules.store import Applied

rules_app = typer.Typer(help="Rules of tenants, with versions.", no_args_is_help=True)
rules_app.command("try")(try_rules)

FilesArgument = Annotated[
    list[Path], typer.Argument(help="YAML or TOML files, or directories of them.", exists=True, metavar="FILE...")
]
NoteOption = Annotated[str, typer.Option(help="Why; kept with the version.")]
KindArgument = Annotated[Kind, typer.Argument(help="What the rule is about.")]


@rules_app.command("apply")
def apply(
    files: FilesArgument,
    note: NoteOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    config: ConfigOption = None,
) -> None:
    """Put the rules of files into force: all, or none if one is wrong. What is in force already gets no new version."""
    for applied in _apply(files, note, dry_run, config):
        typer.echo(_line(applied, dry_run))


@rules_app.command("diff")
def diff(
    files: FilesArgument,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if something would change.")] = False,
    config: ConfigOption = None,
) -> None:
    """Print how the rules of files differ from those in force; nothing is changed."""
    changed = [applied for applied in _apply(files, "", True, config) if applied.changed]
    for applied in changed:
        name = f"{applied.change.tenant} {applied.change.kind}"
        before = f"{name} version {applied.version - 1}"
        after = f"{name} {applied.change.origin}"
        lines = difflib.unified_diff(
            _lines(applied.before), _lines(applied.change.document), before, after, lineterm=""
        )
        typer.echo("\n".join(lines))
    if exit_code and changed:
        raise typer.Exit(1)


@rules_app.command("list")
def list_(tenant: AnyTenantOption = "", config: ConfigOption = None) -> None:
    """Print each rule in force: tenant, kind, version, time, author and note, tab-separated."""
    with metadata(config) as connection:
        from otelhouse.rules.store import RuleStore

        for rule in RuleStore(connection).list(tenant):
            columns = (rule.tenant, rule.kind, str(rule.version), written(rule.created_at), rule.author, rule.note)
            typer.echo("\t".join(columns))


@rules_app.command("show")
def show(
    kind: KindArgument,
    tenant: TenantOption = "default",
    version: Annotated[int | None, typer.Option(help="An earlier version.", min=1)] = None,
    config: ConfigOption = None,
) -> None:
    """Print a rule as YAML that `rules apply` takes."""
    with metadata(config) as connection:
        from otelhouse.rules import files
        from otelhouse.rules.errors import UnknownRule
        from otelhouse.rules.store import RuleStore

        rule = RuleStore(connection).get(kind, tenant, version)
        if rule is None:
            which = f"version {version} of the {kind} rule" if version else f"{kind} rule: the default is in force"
            raise UnknownRule(f"tenant '{tenant}' has no {which}")
        typer.echo(files.write(rule), nl=False)


@rules_app.command("history")
def history(kind: KindArgument, tenant: TenantOption = "default", config: ConfigOption = None) -> None:
    """Print all versions of a rule, newest first: version, time, author, partitions that it took effect in, note."""
    with metadata(config) as connection:
        from otelhouse.rules.effects import effects
        from otelhouse.rules.store import RuleStore

        for rule in RuleStore(connection).history(kind, tenant):
            in_force = len(effects(connection, kind, tenant, rule.version))
            columns = (str(rule.version), written(rule.created_at), rule.author, str(in_force), rule.note)
            typer.echo("\t".join(columns))


@rules_app.command("rollback")
def rollback(
    kind: KindArgument,
    version: Annotated[int, typer.Argument(help="The version to go back to; 0 is the built-in default.", min=0)],
    tenant: TenantOption = "default",
    note: NoteOption = "",
    config: ConfigOption = None,
) -> None:
    """Put an earlier version's document into force again, as a new version."""
    with metadata(config) as connection:
        from otelhouse.rules.store import RuleStore

        applied = RuleStore(connection).roll_back(kind, tenant, version, actor(), note)
    typer.echo(_line(applied, False))


def _apply(paths: list[Path], note: str, dry_run: bool, config: ConfigOption) -> list[Applied]:
    with metadata(config) as connection:
        from otelhouse.rules import files
        from otelhouse.rules.store import RuleStore

        return RuleStore(connection).apply(files.read(paths), actor(), note, dry_run)


def _line(applied: Applied, dry_run: bool) -> str:
    name = f"{applied.change.tenant}\t{applied.change.kind}"
    if not applied.changed:
        return f"{name}\tversion {applied.version}\tunchanged"
    return f"{name}\tversion {applied.version}\t{'would change' if dry_run else 'changed'}"


def _lines(document: object) -> list[str]:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
