"""Which children `up` runs, and the environment that makes production's components run on embedded parts."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import otelhouse
from otelhouse.address import parse_address
from otelhouse.config import Settings
from otelhouse.config_sources import CONFIG_VARIABLE, Key, variable
from otelhouse.errors import StartupError
from otelhouse.telemetry import get_logger, log_format
from otelhouse.up.ports import choose_addresses
from otelhouse.up.program import Program

WINDOW_SECONDS = 1.0
"""On one machine what was acknowledged shall be seen soon; production's default makes larger blocks."""

DEMO_SERVICES = ("catalog", "cart", "payment", "shipping", "checkout", "frontend")
"""Those in front last."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class Addresses:
    """Where the children listen, `host:port` each."""

    otlp_grpc: str
    otlp_http: str
    http: str
    clickhouse: str
    admin: str

    def public(self) -> dict[str, str]:
        """What the ready line says."""
        return {"otlp_grpc": self.otlp_grpc, "otlp_http": self.otlp_http, "http": self.http}


def choose(settings: Settings) -> Addresses:
    """Check the three public ports and choose the two internal ones. Raises StartupError."""
    chosen = choose_addresses(
        {
            "ingest.otlp_grpc": settings.ingest.otlp_grpc,
            "ingest.otlp_http": settings.ingest.otlp_http,
            "query.http": settings.query.http,
            "clickhouse": "127.0.0.1:0",
            "processor.admin": "127.0.0.1:0",
        }
    )
    return Addresses(*chosen.values())


def child_environment(
    settings: Settings,
    given: Mapping[str, str],
    config: Path | None,
    data: Path,
    addresses: Addresses,
    postgres_url: str,
) -> dict[str, str]:
    """The user's environment with the settings that make it run on the embedded parts on top."""
    ours: dict[Key, str] = {
        ("data",): str(data),
        ("log", "url"): f"embedded:{data / 'log'}",
        ("clickhouse", "url"): f"http://{addresses.clickhouse}",
        ("clickhouse", "user"): "default",
        ("clickhouse", "password"): "",
        ("clickhouse", "cluster"): "",
        ("postgres", "url"): postgres_url,
        ("ingest", "otlp_grpc"): addresses.otlp_grpc,
        ("ingest", "otlp_http"): addresses.otlp_http,
        ("query", "http"): addresses.http,
        ("processor", "admin"): addresses.admin,
        ("telemetry", "log_format"): log_format(settings.telemetry),
    }
    if "window_seconds" not in settings.processor.model_fields_set:
        ours["processor", "window_seconds"] = str(WINDOW_SECONDS)
    for name, address in (("otlp_grpc", addresses.otlp_grpc), ("otlp_http", addresses.otlp_http)):
        if not getattr(settings.query, name):  # the user may know better, behind a proxy
            ours["query", name] = f"http://{address}"
    _warn_of_unused(settings)
    environment = {**_machine_defaults(data), **given}
    if config is not None:
        environment[CONFIG_VARIABLE] = str(config.absolute())
    for key, value in ours.items():
        environment.pop(variable(key) + "_FILE", None)
        environment[variable(key)] = value
    return environment


def command(*words: str) -> tuple[str, ...]:
    """Our own command line, by this very interpreter; -P keeps the working directory from shadowing our packages."""
    return (sys.executable, "-P", "-m", "otelhouse", *words)


def clickhouse(environment: Mapping[str, str], data: Path, addresses: Addresses) -> Program:
    """The embedded ClickHouse."""
    where = ("--data", str(data / "clickhouse"), "--listen", addresses.clickhouse)
    return Program("clickhouse", command("clickhouse", *where), environment)


def migrate(environment: Mapping[str, str]) -> Program:
    """Runs once, as soon as both stores answer."""
    return Program("migrate", command("migrate", "--wait", "60"), environment)


def components(environment: Mapping[str, str]) -> tuple[Program, ...]:
    """Production's components."""
    return tuple(Program(name, command(name), environment) for name in ("ingest", "processor", "query"))


def demo(environment: Mapping[str, str], addresses: Addresses) -> tuple[Program, ...]:
    """The shop's services, each with the addresses of all. Raises StartupError if the SDK is not installed."""
    if importlib.util.find_spec("opentelemetry") is None or importlib.util.find_spec("opentelemetry.sdk") is None:
        raise StartupError("--demo: the OpenTelemetry SDK is not installed (pip install 'otelhouse[demo]')")
    if not (parse_address(addresses.otlp_grpc).is_loopback and parse_address(addresses.otlp_http).is_loopback):
        raise StartupError("--demo: the shop has no key, so ingest must listen on loopback")
    shop = json.dumps(choose_addresses(dict.fromkeys(DEMO_SERVICES, "127.0.0.1:0")))
    where = ("--addresses", shop, "--otlp-grpc", addresses.otlp_grpc, "--otlp-http", addresses.otlp_http)
    # The user's own OTEL_... variables are for his programs, and would send the shop's telemetry elsewhere.
    own = {name: value for name, value in environment.items() if not name.startswith("OTEL_")}
    return tuple(
        Program(f"demo-{name}", (sys.executable, "-P", "-m", "otelhouse.demo", name, *where), own, essential=False)
        for name in DEMO_SERVICES
    )


def _warn_of_unused(settings: Settings) -> None:
    for section, name in (("log", "url"), ("clickhouse", "url"), ("postgres", "url")):
        if name in getattr(settings, section).model_fields_set:
            _log.warning("not used by `otelhouse up`, which runs its own", setting=f"{section}.{name}")


def _machine_defaults(data: Path) -> dict[str, str]:
    """What keeps several processes small on one machine; the user's own environment wins."""
    defaults = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    packages = Path(otelhouse.__file__).parent
    if not os.access(packages, os.W_OK):  # compiled kernels are kept beside the code where that can be
        defaults["NUMBA_CACHE_DIR"] = str(data / "kernels")
    return defaults
