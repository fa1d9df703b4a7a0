"""The dashboard's files and pages, and the headers that keep them ours."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

import query.web
from otelhouse.address import Address
from otelhouse.http_server import serve
from otelhouse.listening import bind
from query.web import Dashboard, graphiql, not_built
from tests.query.house import House


@dataclass(frozen=True)
class Answer:
    status_code: int
    headers: dict[str, str]
    text: str


Ask = Callable[..., Answer]


@contextmanager
def served(*routes: BaseRoute) -> Iterator[Ask]:
    """Serves the routes; what it yields asks for a path exactly as it is written."""
    stop, bound = threading.Event(), bind(Address("127.0.0.1", 0), "test")
    host, port = bound.getsockname()
    server = threading.Thread(target=serve, args=(Starlette(routes=routes), bound, stop, lambda _: None))
    server.start()

    def ask(path: str, method: str = "GET") -> Answer:
        connection = http.client.HTTPConnection(host, port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    try:
        yield ask
    finally:
        stop.set()
        server.join(10)
        bound.close()


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<p>dashboard")
    (tmp_path / "graphiql.html").write_text("<p>graphiql")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("run()")
    (tmp_path.parent / "secret.txt").write_text("secret")
    monkeypatch.setattr(query.web, "web_directory", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def ask(dist: Path) -> Iterator[Ask]:
    with served(Route("/graphql", graphiql), Mount("/", Dashboard(dist))) as ask:
        yield ask


@pytest.mark.parametrize("path", ["/", "/trace/" + "ab" * 16, "/explore?service=a.b", "/logs", "/start", "/a/b/c"])
def test_every_page_of_the_dashboard_is_its_index(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert (answer.status_code, answer.text) == (200, "<p>dashboard")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/html")


def test_pages_run_nothing_that_is_not_ours(ask: Ask) -> None:
    for path in ("/", "/trace/x", "/assets/app-1a2b.js", "/graphql"):
        headers = ask(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "script-src" not in headers["content-security-policy"]


def test_files_with_a_hash_in_their_name_are_kept_and_others_are_asked_for_again(ask: Ask) -> None:
    assert "immutable" in ask("/assets/app-1a2b.js").headers["cache-control"]
    assert ask("/favicon.svg").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/old-9f.js", "/assets/nothing", "/missing.png", "/api/v1/query"])
def test_what_is_no_page_and_no_file_is_not_there(ask: Ask, path: str) -> None:
    assert ask(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "//etc/passwd"]
)
def test_nothing_outside_the_dashboard_is_served(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert "secret" not in answer.text
    assert "root:" not in answer.text


def test_a_page_cannot_be_posted_to(ask: Ask) -> None:
    assert ask("/explore", "POST").status_code == 405


def test_graphiql_may_style_its_editor_and_nothing_more(ask: Ask) -> None:
    answer = ask("/graphql")
    assert answer.text == "<p>graphiql"
    assert "style-src 'self' 'unsafe-inline'" in answer.headers["content-security-policy"]


def test_a_dashboard_that_is_not_built_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query.web, "web_directory", lambda: None)
    with served(Route("/graphql", graphiql), Route("/{path:path}", not_built)) as ask:
        for path in ("/", "/trace/x", "/graphql"):
            assert (ask(path).status_code, "make setup" in ask(path).text) == (404, True)


def test_a_browser_at_graphql_gets_the_page(house: House) -> None:
    answer = httpx.get(f"http://{house.http}/graphql", headers={"accept": "text/html,application/xhtml+xml"})
    assert answer.status_code in (200, 404)  # 404 where the dashboard is not built
    assert answer.headers["content-type"].startswith("text/")
