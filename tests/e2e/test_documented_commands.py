"""What README.md and docs/getting-started.md tell a newcomer to run does what they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.components import Component
from tests.support.graphql import ask, eventually, last_hour

_ROOT = Path(__file__).parents[2]
_SERVICES = "query($r: TimeRange) { services(range: $r) { name } }"


def _blocks(page: str, language: str, laptop: Component) -> list[str]:
    """A page's code blocks of a language, with the addresses of the running all-in-one."""
    text = (_ROOT / page).read_text()
    for documented, name in (("4317", "otlp_grpc"), ("4318", "otlp_http"), ("8080", "http")):
        text = text.replace(f"127.0.0.1:{documented}", laptop.ready[name])
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _shell(command: str) -> str:
    return subprocess.run(["bash", "-ec", command], capture_output=True, text=True, timeout=60, check=True).stdout


def test_the_readmes_snippet_sends_a_span(laptop: Component) -> None:
    (snippet,) = _blocks("README.md", "python", laptop)
    subprocess.run([sys.executable, "-c", snippet], check=True, timeout=60, capture_output=True)
    eventually(
        lambda: {s["name"] for s in ask(laptop.ready["http"], _SERVICES, {"r": last_hour()})["services"]},
        lambda names: "hello" in names,
        20,
    )


def test_the_span_sent_with_curl_is_answered_by_the_documented_question(laptop: Component) -> None:
    send, question = (b for b in _blocks("docs/getting-started.md", "sh", laptop) if b.startswith("curl"))
    assert json.loads(_shell(send)) == {}
    trace = eventually(lambda: json.loads(_shell(question))["data"]["trace"], lambda t: t is not None, 20)
    assert trace["spans"] == [{"name": "hello", "service": "by-hand", "attributes": {}}]


def test_the_documented_search_is_valid(laptop: Component) -> None:
    (search,) = _blocks("docs/getting-started.md", "graphql", laptop)
    assert ask(laptop.ready["http"], search)["traces"]["edges"] == []
