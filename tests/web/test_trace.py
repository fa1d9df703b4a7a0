"""`/trace/<id>`: waterfall, span detail, logs."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.web import shop
from tests.web.conftest import Visit


def test_the_waterfall_shows_the_tree_and_marks_errors(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.CHECKOUT}")
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(4)
    levels = [row.get_attribute("aria-level") for row in rows.all()]
    assert levels == ["1", "2", "3", "4"]
    expect(rows.nth(2)).to_contain_text("Charge")
    expect(page.locator(".row.failed")).to_have_count(1)
    expect(rows.nth(3)).to_contain_text("2.5 ms")
    expect(page.locator(".facts")).to_contain_text("400 ms")
    expect(page.locator(".legend")).to_contain_text("payment")


def test_a_span_shows_attributes_events_links_and_its_logs(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.CHECKOUT}")
    page.get_by_role("treeitem").first.click()
    assert visit.address == f"/trace/{shop.CHECKOUT}?span={'a1' * 8}"
    detail = page.get_by_role("complementary")
    for text in ("cart.items", "3", "http.route", "/checkout", "cart validated", "+20 ms", "rule", "order placed"):
        expect(detail).to_contain_text(text)
    for text in ("service.version", "1.4.2", "tests.web"):
        expect(detail).to_contain_text(text)
    expect(detail.locator("dd time").first).to_have_attribute("title", re.compile(r"\.123456789 [+-]"))
    page.keyboard.press("j")
    expect(detail).to_contain_text(shop.LONG)
    page.keyboard.press("j")
    for text in ("card declined", "card.scheme", "visa", "card declined by issuer"):
        expect(detail).to_contain_text(text)
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    assert visit.address == f"/trace/{shop.CHECKOUT}"


def test_a_linked_span_opens_in_its_own_trace(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.CHECKOUT}?span={'a2' * 8}")
    page.get_by_role("complementary").get_by_role("link", name=shop.LONG).click()
    expect(page.get_by_role("complementary", name="Span step 1")).to_be_visible()


def test_an_attribute_leads_to_the_traces_that_have_it(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.CHECKOUT}?span={'a3' * 8}")
    page.get_by_text("card.scheme").hover()
    page.get_by_title("Traces with card.scheme = visa").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert visit.address == "/explore?service=payment&attr=card.scheme=visa"


def test_the_logs_of_the_trace_lead_to_their_span(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.CHECKOUT}")
    page.get_by_role("tab", name="Logs (2)").click()
    assert visit.address == f"/trace/{shop.CHECKOUT}?tab=logs"
    page.get_by_role("button", name="card declined by issuer").click()
    expect(page.get_by_text("ACME")).to_be_visible()
    page.get_by_role("button", name="Show span").click()
    expect(page.get_by_role("complementary", name="Span Charge")).to_be_visible()


def test_branches_fold_by_mouse_and_by_key(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.CHECKOUT}")
    page.get_by_role("button", name="Collapse 2 spans").click()
    expect(page.get_by_role("treeitem")).to_have_count(2)
    page.get_by_role("button", name="Expand 2 spans").click()
    expect(page.get_by_role("treeitem")).to_have_count(4)
    page.get_by_role("treeitem").first.click()
    page.keyboard.press("h")
    expect(page.get_by_role("treeitem")).to_have_count(1)


def test_a_span_whose_parent_is_missing_is_shown_as_such(visit: Visit) -> None:
    page = visit.open(f"/trace/{shop.ORPHANED}")
    expect(page.get_by_text("parent missing")).to_be_visible()
    expect(page.get_by_text("root not received")).to_be_visible()


def test_two_thousand_spans_are_there_at_once_and_scroll(visit: Visit) -> None:
    page = visit.open("/")
    expect(page.get_by_role("heading", name="Services")).to_be_visible()
    begun = time.monotonic()
    visit.open(f"/trace/{shop.LONG}")
    expect(page.get_by_role("treeitem").first).to_contain_text("step 1")
    assert time.monotonic() - begun < 8
    assert page.get_by_role("treeitem").count() < 100
    page.get_by_role("tree").evaluate("element => element.scrollTo(0, element.scrollHeight)")
    expect(page.get_by_text("step 999", exact=True)).to_be_visible()
    visit.open(f"/trace/{shop.LONG}?span={1500:016x}")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("step 1500")
    expect(page.get_by_role("treeitem", selected=True)).to_be_in_viewport()


def test_an_unknown_trace_is_said_to_be_unknown(visit: Visit) -> None:
    page = visit.open(f"/trace/{'9' * 32}")
    expect(page.get_by_role("heading", name="This trace is not here")).to_be_visible()
    expect(page.get_by_text("No span of it has come to a processor")).to_be_visible()
    visit.open("/trace/nonsense")
    expect(page.get_by_role("heading", name="This is no trace id")).to_be_visible()
