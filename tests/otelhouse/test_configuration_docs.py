"""The documentation of settings is complete and true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import SecretStr

from otelhouse.config import Settings
from otelhouse.config_sources import known_keys, load

_ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `([a-z_.]+)` \| (?:`([^`]*)`|\(empty\)) \|", re.MULTILINE)


def _defaults() -> dict[str, str]:
    found = {}
    for key in known_keys():
        value: object = Settings()
        for name in key:
            value = getattr(value, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        found[".".join(key)] = text.lower() if isinstance(value, bool) else text
    return found


def test_every_setting_is_documented_with_its_default_and_no_other_is() -> None:
    text = (_ROOT / "docs/configuration.md").read_text()
    assert dict(_ROW.findall(text)) == _defaults()


def test_the_example_file_has_every_setting_with_its_default() -> None:
    path = _ROOT / "otelhouse.example.toml"
    assert load(path, {}) == Settings()
    tree = tomllib.loads(path.read_text())
    flat = {f"{s}.{k}" for s, section in tree.items() if isinstance(section, dict) for k in section}
    assert flat | {k for k, v in tree.items() if not isinstance(v, dict)} == set(_defaults())
