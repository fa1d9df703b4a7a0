"""`/logs`."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web import shop
from tests.web.conftest import Visit


def test_text_and_severity_filter_and_are_in_the_address(visit: Visit) -> None:
    page = visit.open("/logs?service=payment")
    expect(page.locator(".log")).to_have_count(1)
    visit.open("/logs")
    expect(page.locator(".log")).to_have_count(100)
    page.keyboard.press("/")
    page.keyboard.type("heartbeat 10")
    page.keyboard.press("Enter")
    expect(page.locator(".log")).to_have_count(11)
    assert visit.address == "/logs?text=heartbeat%2010"
    page.get_by_label("Severity").select_option("Error and above")
    expect(page.get_by_role("heading", name="No log records match")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.locator(".log")).to_have_count(100)


def test_the_list_goes_on(visit: Visit) -> None:
    page = visit.open("/logs?service=catalog")
    page.get_by_role("button", name="Load more").click()
    expect(page.locator(".log")).to_have_count(110)
    expect(page.get_by_text("heartbeat 0", exact=True)).to_have_count(1)


def test_a_record_opens_to_what_it_says_and_leads_to_its_span(visit: Visit) -> None:
    page = visit.open("/logs?severity=17&service=payment")
    line = page.get_by_role("button", name="card declined by issuer")
    expect(line).to_contain_text("ERROR")
    line.click()
    for text in ("issuer", "ACME", "service.version", shop.CHECKOUT):
        expect(page.locator(".log-detail")).to_contain_text(text)
    page.get_by_role("link", name="Open trace").click()
    expect(page.get_by_role("complementary", name="Span Charge")).to_be_visible()


def test_the_logs_of_a_trace_and_of_an_attribute(visit: Visit) -> None:
    page = visit.open(f"/logs?trace={shop.CHECKOUT}")
    expect(page.locator(".log")).to_have_count(2)
    visit.open("/logs?attr=issuer=ACME")
    expect(page.locator(".log")).to_have_count(1)
