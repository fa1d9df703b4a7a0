"""`/explore`: search, scatter, list."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web import shop
from tests.web.conftest import Visit


def test_a_search_is_in_the_address_and_the_back_button_takes_it_back(visit: Visit) -> None:
    page = visit.open("/explore?service=catalog")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_label("Min ms").fill("56")
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(5)
    assert visit.address == "/explore?service=catalog&min=56"
    page.get_by_label("Operation").fill("GET /products/57")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    assert visit.address == "/explore?service=catalog&operation=GET%20/products/57&min=56"
    page.go_back()
    expect(rows).to_have_count(5)
    expect(page.get_by_label("Operation")).to_have_value("")
    page.go_back()
    expect(rows).to_have_count(50)


def test_an_attribute_can_be_asked_for_and_taken_away(visit: Visit) -> None:
    page = visit.open("/explore?last=6h")
    page.get_by_label("Attribute key").fill("product")
    page.get_by_label("Comparison").select_option("GT")
    page.get_by_label("Attribute value").fill("58")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert visit.address == "/explore?attr=product%3E58&last=6h"
    page.get_by_role("button", name="Remove product > 58").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_a_condition_typed_as_text_counts(visit: Visit) -> None:
    page = visit.open("/explore")
    page.get_by_label("Attribute key").fill("http.route=~check.ut$")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator(".chip")).to_have_text("http.route matches check.ut$")


def test_errors_alone_can_be_shown(visit: Visit) -> None:
    page = visit.open("/explore?service=payment")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Status").select_option("ERROR")
    expect(page.locator("tbody tr")).to_have_count(1)
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("shop-web")
    expect(row).to_contain_text("POST /checkout")
    expect(row).to_contain_text("400 ms")


def test_the_list_goes_on_and_the_scatter_with_it(visit: Visit) -> None:
    page = visit.open("/explore?service=catalog")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator(".scatter circle")).to_have_count(50)
    page.get_by_role("button", name="Load more").click()
    expect(page.locator("tbody tr")).to_have_count(shop.BROWSED)
    expect(page.locator(".scatter circle")).to_have_count(shop.BROWSED)
    expect(page.get_by_role("button", name="Load more")).to_have_count(0)


def test_j_k_and_enter_open_a_trace_without_the_mouse(visit: Visit) -> None:
    page = visit.open("/explore?service=catalog")
    expect(page.locator("tbody tr")).to_have_count(50)
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator("tr.current")).to_contain_text("GET /products/59")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="GET /products/59")).to_be_visible()
    assert visit.address == f"/trace/{59:032x}"


def test_a_dot_opens_its_trace(visit: Visit) -> None:
    page = visit.open("/explore?service=shop-web")
    page.locator(".scatter circle").click()
    expect(page.get_by_role("heading", name="POST /checkout")).to_be_visible()


def test_no_match_says_what_to_do(visit: Visit) -> None:
    page = visit.open("/explore?service=nobody")
    expect(page.get_by_role("heading", name="No traces match")).to_be_visible()
