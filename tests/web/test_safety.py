"""Hostile telemetry, failing servers, keys."""

from __future__ import annotations

import httpx
from playwright.sync_api import Route, expect

from tests.support.components import Component
from tests.web import shop
from tests.web.conftest import Visit


def test_telemetry_that_is_html_stays_text_on_every_page(visit: Visit) -> None:
    page = visit.page
    for address in ("/", "/explore?status=error", f"/trace/{shop.HOSTILE}?span={'d1' * 8}", "/logs?severity=21"):
        visit.open(address)
        expect(page.get_by_text(shop.SCRIPT).first).to_be_visible()
        if address.startswith("/logs"):
            page.locator(".log-line").click()
            expect(page.locator(".log-detail")).to_contain_text(shop.SCRIPT)
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("window.owned") is None


def test_pages_are_served_with_a_policy_that_lets_only_our_own_files_run(house: Component) -> None:
    policy = httpx.get(f"http://{house.ready['http']}/explore").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_breach_of_the_policy_does_not_go_unnoticed_here(visit: Visit) -> None:
    page = visit.open("/start")
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert len(visit.complaints) == 1
    visit.complaints.clear()


def test_an_unreachable_server_is_said_so_and_a_retry_recovers(visit: Visit) -> None:
    page = visit.page
    page.route("**/graphql", lambda route: route.abort())
    visit.open("/logs")
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    page.unroute("**/graphql")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".log")).to_have_count(100)
    visit.complaints.clear()  # the browser itself reports each request that failed


def test_what_was_shown_stays_while_a_refresh_fails(visit: Visit) -> None:
    page = visit.open("/")
    expect(page.get_by_role("link", name="catalog")).to_be_visible()
    page.route("**/graphql", lambda route: route.abort())
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    expect(page.get_by_role("link", name="catalog")).to_be_visible()
    visit.complaints.clear()  # the browser itself reports each request that failed


def test_an_error_of_the_query_is_shown_as_the_server_says_it(visit: Visit) -> None:
    page = visit.open("/explore?attr=http.route=~(")
    expect(page.get_by_role("alert")).to_contain_text("not a regular expression")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_a_server_that_wants_a_key_is_given_one(visit: Visit) -> None:
    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer secret":
            # A house on loopback gave out no keys: it is asked without.
            route.continue_(headers={k: v for k, v in route.request.headers.items() if k != "authorization"})
        else:
            route.fulfill(status=401, json={"errors": [{"message": "no key"}]})

    page = visit.page
    page.route("**/graphql", guard)
    visit.open("/")
    page.get_by_label("API key").fill("secret")
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_role("link", name="catalog")).to_be_visible()
    visit.complaints.clear()  # the browser itself reports each request that failed
