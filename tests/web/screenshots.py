"""Takes the pictures in docs/images: `python -m tests.web.screenshots`, on the demo shop's telemetry."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.support.graphql import ask, eventually, last_hour
from tests.support.up import start_up
from tests.web.conftest import QUIET

_ROOT = Path(__file__).parents[2]
_IMAGES = _ROOT / "docs" / "images"
_FAILED = """query($range: TimeRange!) {
  traces(query: { range: $range, status: ERROR }, first: 50) { edges { node { id spanCount errorCount } } } }"""
_SPANS = "query($id: ID!) { trace(id: $id) { spans { spanId status } logs { spanId severityNumber } } }"


def main() -> None:
    """Run the demo for as many seconds as the first argument says (default 90), then take all pictures."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 90.0
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    _IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        # What readers will see on their machines, not the free ports that we take.
        os.environ["OTELHOUSE_QUERY_OTLP_GRPC"] = "http://127.0.0.1:4317"
        os.environ["OTELHOUSE_QUERY_OTLP_HTTP"] = "http://127.0.0.1:4318"
        house = start_up(Path(data), "--demo")
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            _onboarding(browser, house.ready["http"])
            time.sleep(seconds)
            _pages(browser, house.ready["http"])
            browser.close()
        finally:
            house.stop()


def _tab(browser: Browser, http: str, scheme: str) -> Page:
    dark = scheme == "dark"
    viewport = {"width": 1440, "height": 900}
    page = browser.new_page(
        base_url=f"http://{http}",
        viewport=viewport,  # type: ignore[arg-type]  # a dict literal is what the TypedDict means
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page.route("**/graphql", _without_our_paths)
    return page


def _without_our_paths(route: Route) -> None:
    """Stack traces of the demo name where it lies on this machine: that is nobody's business in a picture."""
    if route.request.method != "POST":
        route.continue_()
        return
    answer = route.fetch()
    route.fulfill(response=answer, body=answer.text().replace(f"{_ROOT}/", ""))


def _shoot(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)
    page.screenshot(path=_IMAGES / f"{name}.png")


def _onboarding(browser: Browser, http: str) -> None:
    page = _tab(browser, http, "light")
    page.goto("/start")
    expect(page.get_by_role("heading", name="Received")).to_be_visible(timeout=60_000)
    _shoot(page, "get-started")
    page.close()


def _pages(browser: Browser, http: str) -> None:
    trace, span = _telling_trace(http)
    page = _tab(browser, http, "light")
    page.goto("/?last=15m")
    expect(page.locator("tbody tr").nth(4)).to_be_visible()
    _shoot(page, "services")
    page.goto("/explore?last=15m")
    expect(page.locator("tbody tr").nth(9)).to_be_visible()
    _shoot(page, "traces")
    page.goto("/logs?last=15m")
    expect(page.locator(".log").nth(9)).to_be_visible()
    page.locator(".log.sev-error, .log.sev-warn").first.locator(".log-line").click()
    _shoot(page, "logs")
    page.goto("/graphql")
    expect(page.get_by_role("region", name="Operation Editor")).to_contain_text("services")
    page.get_by_role("button", name="Execute query").click()
    expect(page.get_by_role("region", name="Result Window")).to_contain_text("requestRate")
    _shoot(page, "graphiql")
    for scheme, name in (("light", "trace"), ("dark", "trace-dark")):
        page = _tab(browser, http, scheme)
        page.goto(f"/trace/{trace}?span={span}")
        expect(page.get_by_role("complementary")).to_be_visible()
        _shoot(page, name)
    page.goto("/?last=15m")
    expect(page.locator("tbody tr").nth(4)).to_be_visible()
    _shoot(page, "services-dark")


def _telling_trace(http: str) -> tuple[str, str]:
    """A trace with errors, the largest of the newest, and the failed span in it whose logs say most."""
    edges = eventually(lambda: ask(http, _FAILED, {"range": last_hour()})["traces"]["edges"], bool, 60)
    trace = max((edge["node"] for edge in edges), key=lambda node: node["spanCount"])["id"]
    found = ask(http, _SPANS, {"id": trace})["trace"]
    telling = {log["spanId"]: log["severityNumber"] for log in found["logs"]}
    failed = [span["spanId"] for span in found["spans"] if span["status"] == "ERROR"]
    return trace, max(failed, key=lambda span: telling.get(span, 0))


if __name__ == "__main__":
    main()
