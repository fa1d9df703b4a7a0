"""The command line. It alone knows all components; what a command needs is imported when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import version as package_version
from pathlib import Path
from threading import Event
from typing import Annotated, NoReturn, Protocol

import structlog
import typer

from otelhouse import config_sources
from otelhouse.accounts_cli import accounts
from otelhouse.clock import Clock, SystemClock
from otelhouse.component import Ready, hold_stop_signals, print_ready, report_fault, report_startup_error, run_component
from otelhouse.config import Settings, TelemetrySettings
from otelhouse.config_sources import ConfigError, Flag, Key
from otelhouse.errors import StartupError
from otelhouse.keys_cli import keys_app
from otelhouse.otlp import exporting
from otelhouse.rules_cli import rules_app
from otelhouse.sampling_cli import sampling_app
from otelhouse.telemetry import configure_logs
from otelhouse.tenants_cli import audit, certificates_app, secrets_app, tenants_app

app = typer.Typer(
    help="OpenTelemetry in, ClickHouse under, answers out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(keys_app, name="keys")
app.add_typer(tenants_app, name="tenants")
app.add_typer(certificates_app, name="certificates")
app.add_typer(secrets_app, name="secrets")
app.add_typer(rules_app, name="rules")
app.add_typer(sampling_app, name="sampling")
app.command("audit")(audit)
app.command("accounts")(accounts)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", metavar="FILE")]
DataOption = Annotated[Path | None, typer.Option(help="Directory that holds all data.", metavar="DIR")]
GrpcOption = Annotated[str | None, typer.Option(help="Address for OTLP/gRPC.", metavar="HOST:PORT")]
OtlpHttpOption = Annotated[str | None, typer.Option(help="Address for OTLP/HTTP.", metavar="HOST:PORT")]
HttpOption = Annotated[str | None, typer.Option(help="Address of the dashboard and its API.", metavar="HOST:PORT")]

_OTLP_GRPC: Key = ("ingest", "otlp_grpc")
_OTLP_HTTP: Key = ("ingest", "otlp_http")
_HTTP: Key = ("query", "http")
_ADMIN: Key = ("processor", "admin")
_DATA: Key = ("data",)


class Component(Protocol):
    """What a component's main has: blocks until `stop` is set and it has drained. Raises StartupError."""

    def __call__(self, settings: Settings, clock: Clock, stop: Event, ready: Ready) -> None: ...


def main() -> NoReturn:
    """Entry point of the `otelhouse` command."""
    # Before numpy is imported: the columns of a scan are large and mostly untouched, and zeroing them by huge pages
    # took three quarters of ingest's time for a batch.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    try:
        app()
    except StartupError as error:
        sys.exit(report_startup_error(error))
    except Exception as error:  # noqa: BLE001 - the last place where it can be said, by log and exit code
        if not structlog.is_configured():
            configure_logs(TelemetrySettings(), "otelhouse")
        sys.exit(report_fault(error))
    sys.exit(0)


@app.command()
def up(
    data: DataOption = None,
    otlp_grpc: GrpcOption = None,
    otlp_http: OtlpHttpOption = None,
    http: HttpOption = None,
    demo: Annotated[bool, typer.Option("--demo", help="Run a demo shop that sends telemetry.")] = False,
    config: ConfigOption = None,
) -> None:
    """Run everything on this machine, on embedded parts."""
    flags = {_DATA: ("--data", data), _OTLP_GRPC: ("--otlp-grpc", otlp_grpc)}
    flags |= {_OTLP_HTTP: ("--otlp-http", otlp_http), _HTTP: ("--http", http)}
    settings = _settings("up", config, flags)
    from otelhouse.up.main import run

    raise typer.Exit(run(settings, SystemClock(), dict(os.environ), config, demo, print_ready))


@app.command()
def ingest(otlp_grpc: GrpcOption = None, otlp_http: OtlpHttpOption = None, config: ConfigOption = None) -> None:
    """Receive OTLP and write it to the log."""
    settings = _settings(
        "ingest", config, {_OTLP_GRPC: ("--otlp-grpc", otlp_grpc), _OTLP_HTTP: ("--otlp-http", otlp_http)}
    )
    hold_stop_signals()
    from ingest.main import run

    _serve("ingest", run, settings)


@app.command()
def processor(
    admin: Annotated[str | None, typer.Option(help="Address of health and metrics.", metavar="HOST:PORT")] = None,
    config: ConfigOption = None,
) -> None:
    """Read the log and write ClickHouse."""
    settings = _settings("processor", config, {_ADMIN: ("--admin", admin)})
    hold_stop_signals()
    from processor.main import run

    _serve("processor", run, settings)


@app.command()
def query(http: HttpOption = None, config: ConfigOption = None) -> None:
    """Answer GraphQL and serve the dashboard."""
    settings = _settings("query", config, {_HTTP: ("--http", http)})
    hold_stop_signals()
    from query.main import run

    _serve("query", run, settings)


@app.command()
def clickhouse(
    data: DataOption = None,
    listen: Annotated[str, typer.Option(help="Address of ClickHouse's HTTP interface.")] = "127.0.0.1:8123",
    config: ConfigOption = None,
) -> None:
    """Run the embedded ClickHouse behind its HTTP interface."""
    settings = _settings("clickhouse", config, {_DATA: ("--data", data)})
    hold_stop_signals()
    from otelhouse.clickhouse_server.main import run

    def serve(settings: Settings, clock: Clock, stop: Event, ready: Ready) -> None:
        run(settings.data, listen, clock, stop, ready)

    _serve("clickhouse", serve, settings)


@app.command()
def migrate(
    wait: Annotated[float, typer.Option(help="Seconds to wait for stores that are not up yet.", min=0)] = 0.0,
    config: ConfigOption = None,
) -> None:
    """Bring the tables of PostgreSQL and ClickHouse up to date."""
    settings = _settings("migrate", config)
    from otelhouse.migrate import migrate as apply

    report = apply(settings, SystemClock(), wait)
    for store, names in (("postgres", report.postgres), ("clickhouse", report.clickhouse)):
        typer.echo(f"{store}: {', '.join(names) if names else 'up to date'}")


@config_app.command("check")
def config_check(config: ConfigOption = None) -> None:
    """Say what is wrong with the configuration, by the keys as they are written."""
    try:
        config_sources.load(config, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(1) from None
    typer.echo("ok")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(package_version("otelhouse"))


def _settings(component: str, config: Path | None, flags: Mapping[Key, tuple[str, object]] | None = None) -> Settings:
    """Settings with the flags that were given on top; logs are set up from here on. Raises ConfigError."""
    given = {key: Flag(name, str(value)) for key, (name, value) in (flags or {}).items() if value is not None}
    settings = config_sources.load(config, os.environ, given)
    configure_logs(settings.telemetry, component)
    return settings


def _serve(name: str, run: Component, settings: Settings) -> NoReturn:
    def observed(stop: Event, ready: Ready) -> None:
        clock = SystemClock()
        with exporting(settings.telemetry, name, clock):
            run(settings, clock, stop, ready)

    _exit(run_component(observed))


def _exit(code: int) -> NoReturn:
    raise typer.Exit(code)
