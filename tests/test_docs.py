"""The documentation is true: what it names exists. Its commands are run in tests/e2e/test_documented_commands.py."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otelhouse.cli import app
from otelhouse.recording.forms import tables

_ROOT = Path(__file__).parents[1]
_PAGES = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"), *_ROOT.glob("deploy/*.md")])
_IDS = [str(page.relative_to(_ROOT)) for page in _PAGES]
_SOURCES = [
    path for room in ("otelhouse", "ingest", "processor", "query", "schema") for path in (_ROOT / room).rglob("*.py")
]


def _code(page: Path) -> str:
    """Fenced blocks and inline code, the places where a page quotes us to the letter."""
    text = page.read_text()
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))])


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", _code(page)))
    assert named <= targets


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_otelhouse_command_exists_with_its_flags(page: Path) -> None:
    for line in re.findall(r"(?:^|\s)otelhouse ((?:[a-z]|--).*)$", _code(page), re.MULTILINE):
        words = re.sub(r"\s+#.*", "", line).split()
        commands = []
        for word in words:
            if not re.fullmatch(r"[a-z]+", word) or len(commands) == 2:
                break
            commands.append(word)
        while commands and CliRunner().invoke(app, [*commands, "--help"]).exit_code:
            commands.pop()  # a word of the prose behind it, or an argument
        assert commands, f"no such command: otelhouse {line}"
        help_text = CliRunner().invoke(app, [*commands, "--help"], terminal_width=200).output
        for flag in re.findall(r"(--[a-z-]+)", " ".join(words)):
            assert flag in help_text, f"otelhouse {' '.join(commands)} has no {flag}"


@pytest.mark.parametrize("page", _PAGES, ids=_IDS)
def test_every_metric_of_ours_exists(page: Path) -> None:
    declared = "\n".join(source.read_text() for source in _SOURCES)
    named = set(re.findall(r"\botelhouse_(?:ingest|processor|query|clickhouse|log|up)_[a-z_]+", _code(page)))
    assert [name for name in sorted(named) if name.removesuffix("_total") not in declared] == []


def test_no_file_records_where_a_package_is_downloaded_from() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=_ROOT, capture_output=True, check=True).stdout
    lock = json.loads((_ROOT / "web" / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    hosts = re.compile(rb"https?://[^\s\"']*(?:/simple/|/-/[^\s\"']*\.tgz|\.whl\b|maven2|/dists/)")
    named = [
        name.decode()
        for name in tracked.split(b"\0")
        if name and (_ROOT / name.decode()).is_file() and hosts.search((_ROOT / name.decode()).read_bytes())
    ]
    assert [name for name in named if not name.endswith("test_docs.py")] == []


def test_what_streams_is_told_as_the_code_has_it() -> None:
    assert tables() in (_ROOT / "docs/recording-rules.md").read_text()
