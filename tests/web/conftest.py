"""One browser and one house for all tests of the web; a fresh tab for each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.components import Component
from tests.support.graphql import ask, eventually, last_hour
from tests.support.up import start_up
from tests.web import shop

_BUILT = Path(__file__).parents[2] / "web" / "dist" / "index.html"
QUIET = (  # no service of the browser of its own, no network but ours
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SENT = """query($range: TimeRange!, $long: ID!, $bad: ID!) {
  long: trace(id: $long) { spanCount } bad: trace(id: $bad) { logs { body } }
  traces(query: { range: $range, service: "catalog" }, first: 100) { edges { node { id } } }
  logs(query: { range: $range }, first: 200) { edges { cursor } } }"""

expect.set_options(timeout=8_000)


@dataclass
class Visit:
    """A tab on the dashboard, and what its console complained of."""

    page: Page
    home: str
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str) -> Page:
        """Go to an address of the dashboard."""
        self.page.goto(self.home + address)
        return self.page

    @property
    def address(self) -> str:
        """Path and query of where the tab is."""
        return self.page.url.removeprefix(self.home)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if not _BUILT.is_file():
        pytest.fail("the dashboard is not built: run make setup")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    """The all-in-one with the shop's telemetry in it."""
    component = start_up(tmp_path_factory.mktemp("web"))
    try:
        shop.send(component.ready["otlp_http"])
        variables = {"range": last_hour(), "long": shop.LONG, "bad": shop.HOSTILE}
        eventually(lambda: ask(component.ready["http"], _SENT, variables), _complete, seconds=30)
        yield component
    finally:
        component.stop()


def _complete(seen: dict[str, Any]) -> bool:
    return bool(
        seen["long"] == {"spanCount": shop.LONG_SPANS}
        and seen["bad"] is not None
        and len(seen["bad"]["logs"]) == 1
        and len(seen["traces"]["edges"]) == shop.BROWSED
        and len(seen["logs"]["edges"]) == 113
    )


@pytest.fixture
def visit(browser: Browser, house: Component) -> Iterator[Visit]:
    """A fresh tab on the house. Nothing that a page does may make the console complain: CSP above all."""
    yield from visiting(browser, house)


def visiting(browser: Browser, house: Component) -> Iterator[Visit]:
    """A fresh tab on a house, for a fixture."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    visit = Visit(page, f"http://{house.ready['http']}")

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield visit
    context.close()
    assert visit.complaints == []
