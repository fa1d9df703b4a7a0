"""Where settings come from: defaults < file (TOML) < environment (OTELHOUSE_SECTION_FIELD) < flags.

A secret may also be given as OTELHOUSE_SECTION_FIELD_FILE, the path of a file that holds it. Every
problem is reported at once, each by the key as the user wrote it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from otelhouse.config import Settings
from otelhouse.errors import StartupError

PREFIX = "OTELHOUSE_"
CONFIG_VARIABLE = "OTELHOUSE_CONFIG"

Key = tuple[str, ...]
"""Path of a setting: ("data",) or ("ingest", "otlp_grpc")."""


class ConfigError(StartupError):
    """The configuration is wrong. `problems` has a line for each fault; the message joins them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Flag:
    """A setting given on the command line: the flag's name as the user typed it, and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class _Sources:
    """What was given, not yet checked."""

    file: Path | None = None
    in_file: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[Key, str] = field(default_factory=dict)
    flags: Mapping[Key, Flag] = field(default_factory=dict)

    def name_of(self, key: Key) -> str:
        """The key as the user wrote it, in the source that wins."""
        if key in self.flags:
            return self.flags[key].name
        if key in self.secrets:
            return variable(key) + "_FILE"
        if variable(key) in self.environment:
            return variable(key)
        return f"{'.'.join(key)} in {self.file}" if self.file else ".".join(key)


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[Key, Flag] | None = None) -> Settings:
    """Read the settings. Raises ConfigError; `file` defaults to what OTELHOUSE_CONFIG names, if it is set."""
    if file is None and environment.get(CONFIG_VARIABLE):
        file = Path(environment[CONFIG_VARIABLE])
    given = {name.upper(): value for name, value in environment.items() if name.upper().startswith(PREFIX)}
    given.pop(CONFIG_VARIABLE, None)
    problems = list(_unknown_variables(given))
    secrets = _secrets_from_files(given, problems)
    in_file = _read(file, problems) if file else {}
    sources = _Sources(file, in_file, given, secrets, flags or {})
    try:
        settings = _effective(sources)
    except ValidationError as error:
        problems += _describe(error, sources)
    if problems:
        raise ConfigError(problems)
    return settings


def variable(key: Key) -> str:
    """Name of the environment variable for a setting."""
    return PREFIX + "_".join(key).upper()


def known_keys() -> Mapping[Key, bool]:
    """Every setting, and whether it is a secret."""
    found: dict[Key, bool] = {}
    for name, section in Settings.model_fields.items():
        if isinstance(section.annotation, type) and issubclass(section.annotation, BaseModel):
            for inner, setting in section.annotation.model_fields.items():
                found[name, inner] = setting.annotation is SecretStr
        else:
            found[name,] = False
    return found


def _effective(sources: _Sources) -> Settings:
    class Effective(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1)

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """The first wins."""
            from_environment = EnvSettingsSource(settings_cls)
            from_environment.env_vars = {name.lower(): value for name, value in sources.environment.items()}
            return (
                InitSettingsSource(settings_cls, _nested({k: flag.value for k, flag in sources.flags.items()})),
                InitSettingsSource(settings_cls, _nested(sources.secrets)),
                from_environment,
                InitSettingsSource(settings_cls, dict(sources.in_file)),
            )

    effective = Effective()
    # Plain settings again, so that they compare equal to any other.
    return Settings.model_validate({name: getattr(effective, name) for name in Settings.model_fields})


def _nested(values: Mapping[Key, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        branch = tree
        for name in key[:-1]:
            branch = branch.setdefault(name, {})
        branch[key[-1]] = value
    return tree


def _read(file: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{file}: {error.strerror}")
    except UnicodeDecodeError:
        problems.append(f"{file}: not UTF-8")
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{file}: {error}")
    return {}


def _unknown_variables(given: dict[str, str]) -> Iterator[str]:
    """Takes what it complains of out of `given`."""
    known = {variable(key) for key in known_keys()}
    known |= {variable(key) + "_FILE" for key, secret in known_keys().items() if secret}
    for name in sorted(given.keys() - known):
        del given[name]
        yield f"{name}: no such setting{_closest(name, known, PREFIX)}"


def _secrets_from_files(given: dict[str, str], problems: list[str]) -> Mapping[Key, str]:
    found: dict[Key, str] = {}
    for key, secret in known_keys().items():
        name = variable(key) + "_FILE"
        if not secret or name not in given:
            continue
        path = given.pop(name)
        if variable(key) in given:
            problems.append(f"{name}: given together with {variable(key)}")
            continue
        try:
            found[key] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{name}: cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}")
    return found


def _describe(error: ValidationError, sources: _Sources) -> Iterator[str]:
    known = known_keys()
    for fault in error.errors(include_url=False, include_context=False):
        key = tuple(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            names = {".".join(k) for k in known} | {k[0] for k in known}
            yield f"{sources.name_of(key)}: no such setting{_closest('.'.join(key), names)}"
            continue
        # A secret's value is never shown, not even a wrong one; nor a URL that may hold a password.
        shown = "" if known.get(key, True) or "@" in str(fault["input"]) else f" (got {fault['input']!r})"
        yield f"{sources.name_of(key)}: {fault['msg'].removeprefix('Value error, ')}{shown}"


def _closest(name: str, known: set[str], prefix: str = "") -> str:
    """A hint if a known name is close, the common prefix left out of the comparison."""
    candidates = [other.removeprefix(prefix) for other in known]
    close = difflib.get_close_matches(name.removeprefix(prefix), candidates, n=1, cutoff=0.75)
    return f", did you mean {prefix}{close[0]}?" if close else ""
