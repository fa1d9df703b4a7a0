"""Settings: precedence, secrets in files, and faults named by the key as the user wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelhouse.config import IngestSettings, LogSettings, Settings
from otelhouse.config_sources import ConfigError, Flag, known_keys, load, variable

_GRPC = ("ingest", "otlp_grpc")


def _problems(file: Path | None, environment: dict[str, str], flags: dict[tuple[str, ...], Flag] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environment, flags)
    return "\n".join(caught.value.problems)


def _file(directory: Path, text: str) -> Path:
    path = directory / "otelhouse.toml"
    path.write_text(text)
    return path


def test_without_any_source_the_defaults_hold() -> None:
    assert load(None, {}) == Settings()


def test_file_beats_default_environment_beats_file_and_flag_beats_environment(tmp_path: Path) -> None:
    file = _file(tmp_path, '[ingest]\notlp_grpc = "127.0.0.1:1"\notlp_http = "127.0.0.1:2"\n[log]\npartitions = 3\n')
    environment = {"OTELHOUSE_INGEST_OTLP_HTTP": "127.0.0.1:3", "OTELHOUSE_INGEST_OTLP_GRPC": "127.0.0.1:3"}
    settings = load(file, environment, {_GRPC: Flag("--otlp-grpc", "127.0.0.1:4")})
    assert settings.ingest == IngestSettings(otlp_grpc="127.0.0.1:4", otlp_http="127.0.0.1:3")
    assert settings.log == LogSettings(partitions=3)


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, "[log]\npartitions = 7\n")
    assert load(None, {"OTELHOUSE_CONFIG": str(file)}).log.partitions == 7


@pytest.mark.parametrize("key", sorted(known_keys()), ids=".".join)
def test_every_setting_can_be_given_by_its_environment_variable(key: tuple[str, ...]) -> None:
    value: object = Settings()
    for name in key:
        value = getattr(value, name)
    text = value.get_secret_value() if known_keys()[key] else str(value)  # type: ignore[attr-defined] # a SecretStr
    assert load(None, {variable(key): text}) == Settings()


def test_a_secret_can_be_read_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    settings = load(None, {"OTELHOUSE_CLICKHOUSE_PASSWORD_FILE": str(secret)})
    assert settings.clickhouse.password.get_secret_value() == "hunter2"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a")
    environment = {"OTELHOUSE_CLICKHOUSE_PASSWORD_FILE": str(secret), "OTELHOUSE_CLICKHOUSE_PASSWORD": "b"}
    assert "OTELHOUSE_CLICKHOUSE_PASSWORD_FILE: given together with" in _problems(None, environment)


def test_a_missing_secret_file_is_named() -> None:
    problem = _problems(None, {"OTELHOUSE_POSTGRES_URL_FILE": "/does/not/exist"})
    assert problem == "OTELHOUSE_POSTGRES_URL_FILE: cannot read /does/not/exist: No such file or directory"


def test_an_unknown_variable_is_named_with_the_closest_setting() -> None:
    problem = _problems(None, {"OTELHOUSE_INGEST_OTLP_GRP": "127.0.0.1:1"})
    assert problem == "OTELHOUSE_INGEST_OTLP_GRP: no such setting, did you mean OTELHOUSE_INGEST_OTLP_GRPC?"


def test_an_unknown_key_in_the_file_is_named_with_the_closest_setting_and_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, '[ingest]\notlp_grp = "127.0.0.1:1"\n')
    assert _problems(file, {}) == f"ingest.otlp_grp in {file}: no such setting, did you mean ingest.otlp_grpc?"


def test_all_problems_are_listed_at_once_each_by_its_own_source(tmp_path: Path) -> None:
    file = _file(tmp_path, '[processor]\nwindow_rows = "many"\n[log]\nurl = "redis://x"\n')
    environment = {"OTELHOUSE_INGEST_OTLP_GRPC": "nowhere", "OTELHOUSE_NONSENSE": "1"}
    problems = _problems(file, environment, {("query", "http"): Flag("--http", "8080")}).splitlines()
    assert len(problems) == 5
    for expected in (
        "OTELHOUSE_NONSENSE: no such setting",
        "OTELHOUSE_INGEST_OTLP_GRPC: 'nowhere' is not HOST:PORT",
        f"processor.window_rows in {file}: Input should be a valid integer",
        f"log.url in {file}: must be embedded:DIRECTORY or kafka://",
        "--http: '8080' is not HOST:PORT",
    ):
        assert any(problem.startswith(expected) for problem in problems), expected


def test_a_wrong_secret_is_never_shown(tmp_path: Path) -> None:
    file = _file(tmp_path, "[clickhouse]\npassword = 271828\nurl = 'ftp://user:hunter2@host'\n")
    problems = _problems(file, {})
    assert "clickhouse.password" in problems
    assert "271828" not in problems
    assert "hunter2" not in problems


@pytest.mark.parametrize(
    "url", ["postgres://u:p@h/d", "postgresql:///d?host=%2Frun&port=5433", "host=h password='hunter 2'", "service=s"]
)
def test_postgres_is_named_by_any_string_of_libpq(url: str) -> None:
    assert load(None, {"OTELHOUSE_POSTGRES_URL": url}).postgres.url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    ["mysql://u:hunter2@h/d", "mysql://u:hunter2@h/d?a=b", "hunter2", "postgresql://u:hunter2%zz@h/d", "a=hunter2"],
)
def test_what_libpq_does_not_take_is_refused_without_being_shown(url: str) -> None:
    problem = _problems(None, {"OTELHOUSE_POSTGRES_URL": url})
    assert problem.startswith("OTELHOUSE_POSTGRES_URL: must be a PostgreSQL connection string: postgresql://")
    assert "hunter2" not in problem


@pytest.mark.parametrize("url", ["http://user:hunter2@host:8123", "https://user@host", "http://user:hunter/2@host"])
def test_clickhouse_s_user_and_password_have_settings_of_their_own(url: str) -> None:
    problem = _problems(None, {"OTELHOUSE_CLICKHOUSE_URL": url})
    wanted = "OTELHOUSE_CLICKHOUSE_URL: must hold no user and password: set clickhouse.user and clickhouse.password"
    assert problem == wanted


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = _file(tmp_path, "[log\n")
    assert _problems(file, {}).startswith(f"{file}: ")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    assert _problems(tmp_path / "none.toml", {}) == f"{tmp_path / 'none.toml'}: No such file or directory"
