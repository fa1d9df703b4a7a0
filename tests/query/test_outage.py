"""Parts that are down: said in /readyz, answered without internals, over when they are back."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from otelhouse import clickhouse
from otelhouse.clock import ManualClock, SystemClock
from otelhouse.config import ClickHouseSettings, PostgresSettings, QuerySettings, Settings
from otelhouse.errors import StartupError
from otelhouse.migrate import migrate
from query import database
from query.database import Database
from query.main import run
from tests.query.house import House, around, post, serving
from tests.support.clickhouse import ClickHouse, start_clickhouse
from tests.support.stores import stores_settings

SERVICES = {"query": "{ services { name } }"}
NAMES = {"query": "{ metricNames }"}


def _post(http: str, body: dict[str, Any], key: str = "") -> httpx.Response:
    return post(http, body, **({"authorization": f"Bearer {key}"} if key else {}))


@pytest.fixture
def nowhere() -> Settings:
    """Stores that are not there."""
    return Settings(
        clickhouse=ClickHouseSettings(url="http://127.0.0.1:1"),
        postgres=PostgresSettings.model_validate({"url": "postgresql://x@127.0.0.1:1/x"}),
        query=QuerySettings(http="127.0.0.1:0"),
    )


def test_it_starts_without_its_stores_and_says_what_is_missing(nowhere: Settings) -> None:
    with serving(nowhere) as http:
        assert httpx.get(f"http://{http}/healthz").status_code == 200
        ready = httpx.get(f"http://{http}/readyz", timeout=10)
        assert (ready.status_code, set(ready.json()["failed"])) == (503, {"clickhouse", "postgres"})
        assert "otelhouse_query_graphql_requests" in httpx.get(f"http://{http}/metrics").text

        (error,) = _post(http, SERVICES).json()["errors"]
        assert error["extensions"] == {"code": "UNAVAILABLE"}
        assert "127.0.0.1" not in error["message"]
        answer = _post(http, SERVICES, key="ohk_any")
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")


def test_it_answers_again_when_clickhouse_is_back(empty_stores: Settings, tmp_path: Path) -> None:
    server = ClickHouse(tmp_path / "data")
    server.start()
    try:
        settings = stores_settings(server.url, empty_stores.postgres.url.get_secret_value())
        with serving(settings) as http:
            # Not migrated yet: the tables are missing, which is an outage too.
            assert _post(http, NAMES).json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
            migrate(settings, SystemClock())
            assert _post(http, NAMES).json() == {"data": {"metricNames": []}}
            assert httpx.get(f"http://{http}/readyz").status_code == 200
            server.kill()
            assert _post(http, NAMES).json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
            assert httpx.get(f"http://{http}/readyz", timeout=10).json()["failed"].keys() == {"clickhouse"}
            server.restart()
            assert _post(http, NAMES).json() == {"data": {"metricNames": []}}
    finally:
        server.kill()


def test_a_clickhouse_that_hangs_is_an_outage_soon_after_a_query_s_own_limit(
    empty_stores: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.LIMITS["max_execution_time"] < database.ANSWER_SECONDS <= 32
    monkeypatch.setattr(database, "ANSWER_SECONDS", 1)
    with start_clickhouse(tmp_path / "data") as server:
        assert server.process is not None
        settings = stores_settings(server.url, empty_stores.postgres.url.get_secret_value())
        migrate(settings, SystemClock())
        with serving(settings) as http:
            server.process.send_signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                with ThreadPoolExecutor(12) as clients:  # more than there are threads to wait for it
                    answers = [*clients.map(lambda _: _post(http, NAMES).json(), range(12))]
                assert time.monotonic() - began < 5
            finally:
                server.process.send_signal(signal.SIGCONT)
            assert {answer["errors"][0]["extensions"]["code"] for answer in answers} == {"UNAVAILABLE"}
            assert _post(http, NAMES).json() == {"data": {"metricNames": []}}


def test_a_bad_pattern_is_the_user_s_fault_and_no_warning_of_ours(
    house: House, failing: Callable[[Exception], None]
) -> None:
    failing(clickhouse.Permanent("Code: 427. cannot compile re2", 427))
    with capture_logs() as logs:
        (error,) = _post(house.http, NAMES).json()["errors"]
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert not [entry for entry in logs if entry["log_level"] != "debug"]


@pytest.mark.parametrize("address", ["busy", "256.0.0.1:80", "[::2]:80"])
def test_an_address_that_cannot_be_had_is_named_in_one_line(nowhere: Settings, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if address == "busy":
            address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = nowhere.model_copy(update={"query": QuerySettings(http=address)})
        with pytest.raises(StartupError, match=r"^query\.http: .+") as caught:
            run(settings, ManualClock(), threading.Event(), lambda _: None)
        assert "\n" not in str(caught.value)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Makes ClickHouse answer with an error."""

    def fail_with(error: Exception) -> None:
        def connected(self: Database) -> None:
            raise error

        monkeypatch.setattr(Database, "_connected", connected)

    return fail_with


SQL = "SELECT secret FROM spans WHERE tenant = 'acme'"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (clickhouse.Retryable(f"Code: 159. Timeout exceeded in {SQL}", 159), "LIMIT_EXCEEDED"),
        (clickhouse.Retryable(f"Code: 241. Memory limit in {SQL}", 241), "LIMIT_EXCEEDED"),
        (clickhouse.Permanent(f"Code: 158. Too many rows in {SQL}", 158), "LIMIT_EXCEEDED"),
        (clickhouse.Retryable(f"Code: 210. Network error in {SQL}", 210), "UNAVAILABLE"),
        (clickhouse.Permanent(f"Code: 47. Unknown identifier in {SQL}", 47), "INTERNAL"),
        (ValueError(f"a bug near {SQL}"), "INTERNAL"),
        (RecursionError(SQL), "INTERNAL"),
        (MemoryError(SQL), "INTERNAL"),
    ],
)
def test_an_error_never_shows_what_is_inside(
    house: House, failing: Callable[[Exception], None], error: Exception, code: str
) -> None:
    failing(error)
    query = "query($q: TraceQuery!) { traces(query: $q) { edges { cursor } } }"
    answer = _post(house.http, {"query": query, "variables": {"q": {"range": around()}}})
    (found,) = answer.json()["errors"]
    assert found["extensions"]["code"] == code
    assert not any(word in answer.text for word in ("SELECT", "secret", "Traceback", ".py", "spans"))
    if code == "INTERNAL":
        assert found["extensions"]["id"] in found["message"]
