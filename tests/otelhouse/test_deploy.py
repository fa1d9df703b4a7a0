"""What is written for deployment names commands, settings, ports and files that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from otelhouse.address import parse_address
from otelhouse.cli import app
from otelhouse.config_sources import CONFIG_VARIABLE, known_keys, load, variable

_ROOT = Path(__file__).parents[2]
_OURS = ("migrate", "ingest", "processor", "query")


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())["services"]
    return services


def _environment(service: dict[str, Any]) -> dict[str, str]:
    """With the defaults that stand in the file: ${NAME:-default}."""
    return {name: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for name, value in service["environment"].items()}


def _check_arguments(words: list[str]) -> None:
    """Parse them as the command line does, without running anything."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("otelhouse", list(words), resilient_parsing=False)
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        _, command, rest = command.resolve_command(context, rest)
        context = command.make_context("otelhouse", rest, parent=context)


@pytest.mark.parametrize("name", _OURS)
def test_settings_of_each_service_are_settings(name: str) -> None:
    load(None, _environment(_services()[name]))


@pytest.mark.parametrize("name", _OURS)
def test_commands_of_each_service_are_commands(name: str) -> None:
    _check_arguments(_services()[name]["command"])


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(Exception, match=r"(?i)no such"):
        _check_arguments(["migrate", "--weight", "1"])


def test_services_listen_where_their_ports_and_health_checks_are() -> None:
    services = _services()
    for name in _OURS[1:]:
        settings = load(None, _environment(services[name]))
        listening = {
            "ingest": {settings.ingest.otlp_grpc, settings.ingest.otlp_http},
            "processor": {settings.processor.admin},
            "query": {settings.query.http},
        }[name]
        ports = {parse_address(address).port for address in listening}
        published = {int(text.rpartition(":")[2]) for text in services[name].get("ports", services[name].get("expose"))}
        assert published == ports
        assert int(re.search(r"127\.0\.0\.1:(\d+)/healthz", services[name]["healthcheck"]["test"][-1])[1]) in ports  # type: ignore[index]


def test_nothing_is_published_beyond_this_machine() -> None:
    for service in _services().values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_stores_are_addressed_by_their_service_and_credentials() -> None:
    services = _services()
    settings = load(None, _environment(services["processor"]))
    assert settings.log.url == services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].replace(
        "PLAINTEXT", "kafka"
    )
    postgres, clickhouse = _environment(services["postgres"]), _environment(services["clickhouse"])
    assert settings.postgres.url.get_secret_value() == (
        f"postgresql://{postgres['POSTGRES_USER']}:{postgres['POSTGRES_PASSWORD']}@postgres:5432/{postgres['POSTGRES_DB']}"
    )
    assert settings.clickhouse.user == clickhouse["CLICKHOUSE_USER"]
    assert settings.clickhouse.password.get_secret_value() == clickhouse["CLICKHOUSE_PASSWORD"]


def test_two_processors_share_the_work() -> None:
    assert _services()["processor"]["deploy"]["replicas"] == 2


def test_the_image_is_built_from_files_that_exist() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (_ROOT / "Dockerfile").read_text(), re.MULTILINE)
    files = [file for line in copied for file in line.split()]
    assert files
    assert [file for file in files if not (_ROOT / file).exists()] == []
    allowed = (_ROOT / ".dockerignore").read_text().splitlines()
    assert [file for file in files if f"!{file.partition('/')[0]}" not in allowed] == []


def test_the_image_does_not_run_as_root_and_compiles_for_any_cpu() -> None:
    text = (_ROOT / "Dockerfile").read_text()
    final = text.rpartition("\nFROM ")[2]
    assert "USER otelhouse" in final
    assert final.index("NUMBA_CPU_NAME=") < final.index("otelhouse.warm")
    assert final.index("USER otelhouse") < final.index("otelhouse.warm")


def test_the_unit_runs_a_command_with_settings_that_exist() -> None:
    unit = (_ROOT / "deploy/otelhouse.service").read_text()
    words = re.search(r"^ExecStart=/opt/otelhouse/bin/otelhouse (.+)$", unit, re.MULTILINE)
    assert words is not None
    _check_arguments(words[1].split())
    load(None, dict(re.findall(r"^Environment=(\w+)=(.+)$", unit, re.MULTILINE)))


@pytest.mark.parametrize("path", [*sorted(_ROOT.glob("docs/*.md")), _ROOT / "README.md", _ROOT / "deploy/README.md"])
def test_commands_and_settings_in_the_documentation_exist(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = path.read_text()
    for name in set(re.findall(r"\bOTELHOUSE_[A-Z_]+[A-Z]\b", text)):
        assert _is_setting(name), name
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^otelhouse ([^#\n|>]+)", block, re.MULTILINE):
            words = shlex.split(line)
            _make_named_files(words)
            _check_arguments(words)


def _make_named_files(words: list[str]) -> None:
    """The files and directories that a reader would have written."""
    for word in words:
        if word.endswith("/"):
            Path(word).mkdir(exist_ok=True)
        elif word.endswith((".yaml", ".json")):
            Path(word).touch()


def _is_setting(name: str) -> bool:
    secrets = {variable(key) + "_FILE" for key, secret in known_keys().items() if secret}
    return name in {CONFIG_VARIABLE, *secrets, *(variable(key) for key in known_keys())}
