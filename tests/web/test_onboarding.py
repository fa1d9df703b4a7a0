"""The first minute: nothing there, the page waits, an SDK sends, the page says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.components import Component
from tests.support.otel_client import grpc_exporters, send_one_of_each
from tests.support.up import start_up
from tests.web.conftest import Visit, visiting


@pytest.fixture
def empty_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    """An all-in-one that nobody has sent anything."""
    component = start_up(tmp_path_factory.mktemp("empty"))
    yield component
    component.stop()


@pytest.fixture
def first_visit(browser: Browser, empty_house: Component) -> Iterator[Visit]:
    """A tab on an empty house."""
    yield from visiting(browser, empty_house)


def test_the_empty_house_waits_and_turns_to_received_when_the_first_data_comes(
    first_visit: Visit, empty_house: Component
) -> None:
    page = first_visit.open("/")
    expect(page.get_by_role("heading", name="Waiting for telemetry…")).to_be_visible()
    bound = empty_house.ready
    expect(page.get_by_text(f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{bound['otlp_grpc']}")).to_be_visible()
    expect(page.get_by_text(f"OTLP/HTTP: http://{bound['otlp_http']}")).to_be_visible()
    trace_id = send_one_of_each("first-app", grpc_exporters(empty_house.ready["otlp_grpc"]))
    expect(page.get_by_role("heading", name="Received")).to_be_visible()
    expect(page.locator("li.came")).to_have_count(3)
    page.get_by_role("button", name="See the services").click()
    expect(page.get_by_role("link", name="first-app")).to_be_visible()
    first_visit.open("/start")
    page.get_by_role("link", name="Open the newest trace").click()
    expect(page.get_by_role("heading", name="POST /checkout")).to_be_visible()
    assert first_visit.address == f"/trace/{trace_id}"


def test_a_snippet_is_copied_for_the_language_and_the_endpoint_that_was_chosen(visit: Visit) -> None:
    page = visit.open("/start")
    page.get_by_role("tab", name="Collector").click()
    page.get_by_label("endpoint").fill("https://otel.example:4317")
    page.get_by_role("button", name="Use").click()
    assert visit.address == "/start?language=collector&endpoint=https://otel.example:4317"
    page.locator(".code").get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "endpoint: otel.example:4317" in copied
    assert "authorization: Bearer YOUR_KEY" in copied
