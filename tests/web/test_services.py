"""The landing page: services with rate, errors and duration."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.web.conftest import Visit


def test_each_service_has_its_rate_errors_and_durations(visit: Visit) -> None:
    page = visit.open("/")
    payment = page.get_by_role("row", name=re.compile("^payment"))
    expect(payment).to_contain_text("50%")
    expect(payment).to_contain_text("252 ms")  # the middle of the bucket that holds 250
    expect(payment).to_contain_text("/h")
    expect(page.get_by_text("5 services")).to_be_visible()
    expect(page.get_by_text("default", exact=True)).to_be_visible()


def test_a_click_on_a_service_leads_to_its_traces(visit: Visit) -> None:
    page = visit.open("/?last=6h")
    page.get_by_role("link", name="catalog").click()
    expect(page.get_by_role("heading", name="Traces")).to_be_visible()
    assert visit.address == "/explore?service=catalog&last=6h"
    expect(page.get_by_label("Service", exact=True)).to_have_value("catalog")


def test_a_click_on_its_error_rate_leads_to_its_errors(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("row", name=re.compile("^payment")).get_by_title("Traces with errors").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert visit.address == "/explore?service=payment&status=error"


def test_the_order_and_the_search_are_in_the_address(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("button", name="p99").click()
    expect(page.locator("tbody tr").first).to_contain_text("batch")
    assert visit.address == "/?sort=-p99Ms"
    page.keyboard.press("/")
    page.keyboard.type("PAY")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert visit.address == "/?find=PAY&sort=-p99Ms"
    page.reload()
    expect(page.get_by_text("1 service", exact=True)).to_be_visible()


def test_the_time_range_goes_along_from_page_to_page(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("button", name="Last hour").click()
    page.get_by_role("button", name="Last 15 minutes").click()
    assert visit.address == "/?last=15m"
    page.get_by_role("navigation").get_by_role("link", name="Logs").click()
    assert visit.address == "/logs?last=15m"
    expect(page.get_by_role("button", name="Last 15 minutes")).to_be_visible()


def test_the_page_refreshes_itself_as_often_as_the_address_says(visit: Visit) -> None:
    visit.page.clock.install()
    page = visit.open("/?refresh=15")
    expect(page.get_by_role("link", name="catalog")).to_be_visible()
    with page.expect_request(lambda request: "Services(" in (request.post_data or "")):
        page.clock.run_for(15_500)
    expect(page.get_by_text("every 15 s")).to_be_visible()


def test_from_and_to_can_be_chosen_and_are_in_the_address(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_role("button", name="Last hour").click()
    page.get_by_label("From").fill("2020-01-01T00:00:00")
    page.get_by_label("To").fill("2020-01-02T00:00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("heading", name="No requests in this time range")).to_be_visible()
    assert re.fullmatch(r"/\?start=20\d\d-[\dT:.-]+Z&end=20\d\d-[\dT:.-]+Z", visit.address)
    page.go_back()
    expect(page.get_by_role("link", name="catalog")).to_be_visible()


def test_a_range_without_requests_says_so_and_offers_a_wider_one(visit: Visit) -> None:
    page = visit.open("/?start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z")
    expect(page.get_by_role("heading", name="No requests in this time range")).to_be_visible()
    page.get_by_role("link", name="Look at the last 7 days").click()
    expect(page.get_by_role("link", name="catalog")).to_be_visible()
