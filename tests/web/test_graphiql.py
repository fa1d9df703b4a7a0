"""GraphiQL, out of our own bundle."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.conftest import Visit


def test_a_browser_that_opens_graphql_can_run_a_query(visit: Visit) -> None:
    page = visit.open("/graphql")
    expect(page.get_by_role("region", name="Operation Editor")).to_contain_text("requestRate")
    page.get_by_role("button", name="Execute query").click()
    expect(page.locator(".result-window")).to_contain_text('"shop-web"')
    assert page.evaluate("performance.getEntriesByType('resource').every(r => r.name.startsWith(location.origin))")
