"""The Prometheus HTTP API against a real Prometheus: the same bytes written to both, both asked the same."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.otelhouse.promql.differential.answers import difference, rows_of_api
from tests.otelhouse.promql.differential.peer import Peer
from tests.otelhouse.promql.differential.queries import Expressions
from tests.otelhouse.promql.differential.series import INTERVAL_MS, SAMPLES, generated
from tests.support.components import Component
from tests.support.remote_write import V1, snappy, v1_series
from tests.support.up import start_up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SEED = 5
EXPRESSIONS = 300
HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}


@dataclass(frozen=True)
class Both:
    """Prometheus and ours, with the same samples from `start` to `end`, in seconds."""

    theirs: httpx.Client
    ours: httpx.Client
    start: float
    end: float

    def ask(self, path: str, parameters: Any) -> tuple[httpx.Response, httpx.Response]:
        """-> (theirs, ours)."""
        return self.theirs.get(path, params=parameters), self.ours.get(path, params=parameters)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    component = start_up(tmp_path_factory.mktemp("house"), environment={"OTELHOUSE_PROMQL_EXPERIMENTAL": "true"})
    yield component
    assert component.stop() == 0


@pytest.fixture(scope="module")
def both(house: Component, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    start_ms = (int(time.time()) - 4_000) * 1000
    series = generated(SEED, start_ms)
    with Peer(tmp_path_factory.mktemp("peer")) as peer:
        theirs = peer._http  # the same connection that wrote
        request = V1["WriteRequest"]()
        for each in series:
            made = v1_series(request, dict(sorted(each.labels.items())))
            for at, value in zip(each.times, each.values.tolist(), strict=True):
                made.samples.add(timestamp=at, value=value)
        body = snappy(request.SerializeToString())
        theirs.post("write", content=body, headers=HEADERS).raise_for_status()
        written = httpx.post(f"http://{house.ready['otlp_http']}/api/v1/write", content=body, headers=HEADERS)
        written.raise_for_status()
        with httpx.Client(base_url=f"http://{house.ready['http']}/api/v1/", timeout=60) as ours:
            both = Both(theirs, ours, start_ms / 1000, start_ms / 1000 + SAMPLES * INTERVAL_MS / 1000)
            counted = {"query": "count(last_over_time({__name__=~'.+',job=~'api|web|db'}[2h]))", "time": both.end}
            deadline = time.monotonic() + 30
            while True:
                wanted, found = (each.json()["data"]["result"] for each in both.ask("query", counted))
                if wanted == found:
                    break
                assert time.monotonic() < deadline, (wanted, found)
                time.sleep(0.2)
            yield both


def test_expressions_come_to_the_same(both: Both) -> None:
    dice, expressions = random.Random(SEED), Expressions(SEED, both.start, both.end)
    wrong, full = [], 0
    for _ in range(EXPRESSIONS):
        if dice.random() < 0.4:
            path, times = "query", {"time": both.start + dice.randint(-60, 2_800)}
        else:
            start, step = both.start + dice.randint(-100, 1_200), dice.choice((1, 7, 15, 30, 60))
            path, times = "query_range", {"start": start, "end": start + step * dice.randint(0, 60), "step": step}
        query = expressions.matrix(2) if path == "query" and dice.random() < 0.1 else expressions.any()
        theirs, ours = both.ask(path, {"query": query, **times})
        wanted, found = theirs.json(), ours.json()
        if wanted["status"] == "error":
            said = (theirs.status_code, wanted["errorType"])
            if (theirs.status_code, "error") != (ours.status_code, found["status"]) or said[1] != found["errorType"]:
                wrong.append(f"{query}\n  {times}\n  {wanted}\n  {found}")
            continue
        differs = "an error" if found["status"] == "error" else _difference(wanted["data"], found["data"])
        for notes in ("warnings", "infos"):
            if not differs and bool(wanted.get(notes)) != bool(found.get(notes)):
                differs = f"{notes}: {wanted.get(notes)}, but {found.get(notes)}"
        full += bool(wanted["data"]["result"])
        if differs:
            wrong.append(f"{query}\n  {times}\n  {differs}\n  {str(found)[:300]}")
    # Functions of the C library differ in the last digit, and some expressions blow that up.
    assert len(wrong) <= EXPRESSIONS / 100, "\n".join(["", *wrong])
    assert full > EXPRESSIONS / 2


def _difference(wanted: dict[str, Any], found: dict[str, Any]) -> str:
    if wanted["resultType"] != found["resultType"]:
        return f"{wanted['resultType']} wanted, {found['resultType']} found"
    return difference(rows_of_api(wanted), rows_of_api(found))


def test_samples_are_written_to_the_letter(both: Both) -> None:
    query = {"query": '{__name__=~"odd|huge|temperature",job=~"api|web|db"}[1h]', "time": both.end}
    wanted, found = (_sorted(each.json()["data"]["result"]) for each in both.ask("query", query))
    assert len(wanted) > 10
    assert wanted == found


SELECTED = ['{job="api"}', 'requests_total{code=~"5.."}', '{job=~"web|db",env!=""}', '{__name__=~"my.+"}', "nothing"]


@pytest.mark.parametrize("selector", SELECTED)
def test_series_and_labels_are_listed_the_same(both: Both, selector: str) -> None:
    parameters = {"match[]": selector, "start": both.start, "end": both.end}
    wanted, found = (_sorted(each.json()["data"]) for each in both.ask("series", parameters))
    assert wanted == found
    for path in ("labels", "label/job/values", "label/__name__/values", "label/U__a_2e_label/values", "label/x/values"):
        theirs, ours = both.ask(path, parameters)
        assert theirs.json() == ours.json(), path


def _sorted(found: list[Any]) -> list[Any]:
    return sorted(found, key=lambda each: sorted((each.get("metric") or each).items()))


MISTAKES = [
    ("query", {"query": "1", "time": "x"}), ("query", {"query": "1", "limit": "-1"}),
    ("query", {"query": "1", "limit": "x"}),
    ("query", {"query": "1", "timeout": "x"}), ("query", {"query": "1", "lookback_delta": "x"}),
    ("query_range", {"query": "1"}), ("query_range", {"query": "1", "start": 1, "end": 0, "step": 1}),
    ("query_range", {"query": "1", "start": 0, "end": 1, "step": 0}),
    ("query_range", {"query": "1", "start": 0, "end": 1, "step": "x"}),
    ("query_range", {"query": "1", "start": 0, "end": 11_001, "step": 1}),
    ("query_range", {"query": "a[5m]", "start": 0, "end": 1, "step": 1}),
    ("query_range", {"query": "'a'", "start": 0, "end": 1, "step": 1}),
    ("query_range", {"query": "1", "start": "2026-01-01T00:00:00+25:00", "end": 1, "step": 1}),
    ("series", {}), ("series", {"match[]": "{}"}), ("series", {"match[]": "a", "start": "x"}),
    ("metadata", {"limit": "x"}), ("rules", {"type": "x"}), ("status/tsdb", {"limit": "x"}),
    ("query_exemplars", {"query": "a", "start": 2, "end": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "parameters"), MISTAKES)
def test_mistakes_are_told_with_the_same_words(both: Both, path: str, parameters: dict[str, Any]) -> None:
    theirs, ours = both.ask(path, parameters)
    assert (theirs.status_code, theirs.json()) == (ours.status_code, ours.json())


@pytest.mark.parametrize("query", ["", "foo{", "foo bar", "rate(foo)", 'foo{a=~"("}', "nothing(foo)", "sum(", "{}"])
def test_what_is_no_expression_is_told_by_the_same_kind(both: Both, query: str) -> None:
    for path, parameters in (
        ("query", {"query": query}),
        ("format_query", {"query": query}),
        ("series", {"match[]": query}),
    ):
        theirs, ours = both.ask(path, parameters)
        assert theirs.status_code == ours.status_code == 400
        assert theirs.json()["errorType"] == ours.json()["errorType"] == "bad_data"


PARSED = [
    'sum by (a) (foo{a="b"} offset 5m)', "topk without(b)(3,foo @ 10)", "a + on(x) group_left(y) b",
    "a and ignoring(z) b",
    "a > bool 1", "rate(foo[5m] offset -1m)", "foo[5m:1m] @ start()", "foo[5m:]", "-foo", "(foo)", '"x"', "1.5", "NaN",
    "histogram_quantile(0.9, x)", 'label_replace(a,"b","c","d","e")', '{"a.b", c!~"x"}', "1 + 1", "time()",
    "a * on() group_right b", "a or b", "foo @ end()", "vector(1)",
]  # fmt: skip


@pytest.mark.parametrize("query", PARSED)
def test_expressions_are_parsed_and_formatted_the_same(both: Both, query: str) -> None:
    theirs, ours = both.ask("parse_query", {"query": query})
    assert theirs.json() == ours.json()
    theirs, ours = both.ask("format_query", {"query": query})
    wanted, found = (each.json()["data"].replace(" ", "") for each in (theirs, ours))
    assert wanted == found


@pytest.mark.parametrize("path", ["rules", "alerts", "targets", "alertmanagers"])
def test_what_is_empty_is_empty_in_the_same_form(both: Both, path: str) -> None:
    theirs, ours = both.ask(path, {})
    assert theirs.json() == ours.json()


def test_answers_have_the_same_fields(both: Both) -> None:
    for path, parameters in (("status/buildinfo", {}), ("status/tsdb", {}), ("query", {"query": "1", "stats": "all"})):
        theirs, ours = both.ask(path, parameters)
        assert _shape(theirs.json()) == _shape(ours.json())


def _shape(value: Any) -> Any:
    return {name: _shape(part) for name, part in value.items()} if isinstance(value, dict) else ...
