"""No tenant sees another's data, whatever it asks; and no argument is ever SQL."""

from __future__ import annotations

import json
from typing import Any

import pytest

from query.prometheus.http import ENDPOINTS
from tests.query.house import NOW, House, Tenant, around
from tests.query.prometheus_house import ask, get
from tests.support.rows import EdgeData, Event, ExemplarData, LogData, SpanData

TRACE, SPAN = "ab" * 16, "cd" * 8

EVERYTHING = """query($id: ID!, $t: TraceQuery!, $l: LogQuery!, $r: TimeRange!) {
  tenant
  services(range: $r) { name }
  operations(service: "same", range: $r, by: ["secret"]) { name dimensions exemplars { spanId durationMs } }
  serviceGraph(range: $r) { nodes { name } edges { client server } }
  trace(id: $id) { id spanCount services root { name } spans { name attributes resource events { name } }
                   logs { body resource } }
  traces(query: $t) { edges { node { id services root { name } spans { name resource } logs { body } } } }
  logs(query: $l) { edges { node { body resource } } }
  metricNames cardinality(range: $r) { metrics { metric } labels { label } refused { metric } } }"""


def _fill(tenant: Tenant, word: str) -> None:
    """The same ids for every tenant, with other contents."""
    data = {"secret": word}
    event = (Event(word, NOW, data),)
    tenant.rows.spans(
        SpanData(TRACE, SPAN, NOW, name=word, service=word, attributes=data, resource=data, events=event, scope=data)
    )
    tenant.rows.logs(LogData(NOW, word, TRACE, SPAN, service=word, attributes=data, resource=data))
    tenant.rows.red(SpanData(TRACE, SPAN, NOW, name=word, service="same", dimensions={"secret": word}))
    tenant.rows.red_exemplars(SpanData(TRACE, SPAN, NOW, len(word), name=word, service="same"))
    tenant.rows.metrics(word)
    tenant.rows.series(NOW, {"__name__": word, word: "1"})
    tenant.rows.refused_series(NOW, word, "max_active", 1, 1)
    tenant.rows.edges(EdgeData(word, word, NOW))


def _variables() -> dict[str, Any]:
    return {"id": TRACE, "t": {"range": around()}, "l": {"range": around()}, "r": around()}


def test_two_tenants_with_the_same_ids_see_their_own_data_in_every_field(house: House) -> None:
    alice, bob = house.tenant(), house.tenant()
    _fill(alice, "apple")
    _fill(bob, "banana")
    for tenant, own, others in ((alice, "apple", "banana"), (bob, "banana", "apple")):
        answer = tenant.post(EVERYTHING, _variables())
        assert "errors" not in answer
        data = answer["data"]
        assert data["tenant"] == tenant.name
        assert (data["trace"]["spanCount"], len(data["traces"]["edges"]), len(data["logs"]["edges"])) == (1, 1, 1)
        assert data["metricNames"] == [own]
        assert others not in str(answer)
        assert data["operations"][0]["exemplars"] == [{"spanId": SPAN, "durationMs": len(own) / 1e6}]
        assert str(answer).count(own) >= 26  # each field says something


def test_a_tenant_without_data_sees_nothing_in_any_field(house: House) -> None:
    _fill(house.tenant(), "cherry")
    data = house.tenant().post(EVERYTHING, _variables())["data"]
    del data["tenant"]
    assert data == {
        "services": [],
        "operations": [],
        "serviceGraph": {"nodes": [], "edges": []},
        "trace": None,
        "traces": {"edges": []},
        "logs": {"edges": []},
        "metricNames": [],
        "cardinality": {"metrics": [], "labels": [], "refused": []},
    }


@pytest.mark.parametrize("word", ["durian", "fig"])
def test_attributes_of_another_tenants_resource_match_nothing(house: House, word: str) -> None:
    alice, bob = house.tenant(), house.tenant()
    _fill(alice, word)
    # The same resource id may exist for both: only its own row counts.
    bob.rows.spans(SpanData(TRACE, SPAN, NOW, name="x", service=word))
    query = {"range": around(), "attributes": [{"key": "secret", "value": word}]}
    find = "query($q: TraceQuery!) { traces(query: $q) { edges { node { id } } } }"
    assert bob.ask(find, q=query) == {"edges": []}
    assert len(alice.ask(find, q=query)["edges"]) == 1


SECONDS = NOW // 1_000_000_000
PROMETHEUS: dict[str, dict[str, Any]] = {
    "query": {"query": '{job="same"}'},
    "query_range": {"query": '{job="same"}', "start": SECONDS, "end": SECONDS, "step": 1},
    "query_exemplars": {"query": '{job="same"}'},
    "series": {"match[]": '{job="same"}'},
    "labels": {},
    "label/secret/values": {},
    "metadata": {},
    "status/tsdb": {},
}
"""Every endpoint that tells of a tenant's data."""
NOTHING = {
    "format_query", "parse_query", "rules", "alerts", "targets", "alertmanagers", "status/buildinfo", "status/config",
    "status/flags", "status/runtimeinfo",
}  # fmt: skip


def test_every_prometheus_endpoint_is_asked_about_tenants() -> None:
    assert {path.replace("{name}", "secret") for path, _, _ in ENDPOINTS} == {*PROMETHEUS, *NOTHING}


def _fill_metrics(tenant: Tenant, word: str) -> None:
    """The same series' ids would be the same; names and values are the tenant's own."""
    labels = {"__name__": f"{word}_total", "job": "same", "secret": word}
    tenant.rows.samples(labels, (NOW // 1_000_000, float(len(word))), type="counter", help=word)
    tenant.rows.samples({"__name__": "shared", "job": "same"}, (NOW // 1_000_000, float(len(word))), help=word)
    tenant.rows.exemplars(ExemplarData(f"{word}_total", NOW, 1.0, labels={"job": "same"}, attributes={"secret": word}))


@pytest.mark.parametrize("path", PROMETHEUS)
def test_no_prometheus_endpoint_tells_of_another_tenant(house: House, path: str) -> None:
    alice, bob, nobody = house.tenant(), house.tenant(), house.tenant()
    _fill_metrics(alice, "apple")
    _fill_metrics(bob, "banana")
    for tenant, own, others in ((alice, "apple", "banana"), (bob, "banana", "apple"), (alice, "apple", "banana")):
        answer = get(tenant, path, PROMETHEUS[path])
        assert answer.status_code == 200
        assert own in answer.text or path == "labels"
        assert others not in answer.text
    empty = get(nobody, path, PROMETHEUS[path]).text
    assert "apple" not in empty
    assert "shared" not in empty
    assert get(alice, path, PROMETHEUS[path], authorization="Bearer nonsense").status_code == 401


def test_a_series_that_two_tenants_have_keeps_its_values_apart(house: House) -> None:
    alice, bob = house.tenant(), house.tenant()
    _fill_metrics(alice, "apple")
    _fill_metrics(bob, "banana")
    for tenant, value in ((alice, "5"), (bob, "6"), (alice, "5")):
        (found,) = ask(tenant, "query", {"query": "shared"})["result"]
        assert found["value"][1] == value


HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE spans; --",
    "\\",
    "\\'",
    "\\\\'",
    "`",
    '"',
    "{p0:String}",
    "{tenant:String}",
    "%s %(x)s {} $1 ?",
    "/*",
    "*/",
    "\t\n\r\x0b\x0c\x1b",
    "a\x00b",
    "\u2028\u200b\ufeff",
    "𝕊🤷" * 50,
    "NULL",
    "\\N",
    "tenant0",
    "%27%20OR%201",
    "&param_p0=tenant0&x=",
    "(?s:.*)",
    "x" * 4096,
]


@pytest.fixture(scope="module")
def orchard(house: House) -> Tenant:
    tenant = house.tenant()
    rows = list(enumerate(HOSTILE, 1))
    tenant.rows.spans(
        *(
            SpanData(f"{n:032x}", SPAN, NOW, name=word, service=word, attributes={word: word}, resource={"r": word})
            for n, word in rows
        )
    )
    tenant.rows.logs(*(LogData(NOW, word, service=word, attributes={word: word}) for _, word in rows))
    tenant.rows.metrics(*HOSTILE)
    return tenant


WORD = """query($t: TraceQuery!, $l: LogQuery!, $p: String) {
  traces(query: $t) { edges { node { id root { name service attributes } } } }
  logs(query: $l) { edges { node { body } } }
  metricNames(prefix: $p) }"""


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_word_is_only_a_word(orchard: Tenant, word: str) -> None:
    own, resource = {"key": word, "value": word}, {"key": "r", "value": word}
    traces = {"range": around(), "service": word, "operation": word, "attributes": [own, resource]}
    logs = {"range": around(), "service": word, "text": word, "attributes": [own]}
    data = orchard.post(WORD, {"t": traces, "l": logs, "p": word})["data"]
    (edge,) = data["traces"]["edges"]
    assert int(edge["node"]["id"], 16) == HOSTILE.index(word) + 1
    assert edge["node"]["root"] == {"name": word, "service": word, "attributes": {word: word}}
    assert data["logs"] == {"edges": [{"node": {"body": word}}]}
    assert [name for name in data["metricNames"] if name == word] == [word]
    assert all(name.startswith(word) for name in data["metricNames"])


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_word_is_only_a_word_in_promql(house: House, word: str) -> None:
    tenant, time = house.tenant(), NOW // 1_000_000
    tenant.rows.samples({"__name__": "a", "job": word}, (time, 1.0))
    tenant.rows.samples({"__name__": "a", "job": "other"}, (time, 2.0))
    quoted = json.dumps(word, ensure_ascii=False)
    for query in (f"a{{job={quoted}}}", f'a{{job=~{quoted},job!="other"}}', f'a{{job!~{quoted},job="x"}}'):
        answer = get(tenant, "query", {"query": query}).json()
        if answer["status"] == "success":
            assert [each["metric"]["job"] for each in answer["data"]["result"]] in ([word], [])
        else:  # as a pattern, some are none
            assert answer["errorType"] == "bad_data"
    (found,) = ask(tenant, "query", {"query": f"a{{job={quoted}}}"})["result"]
    assert found["metric"] == {"__name__": "a", "job": word}
    assert ask(tenant, "label/job/values", {"match[]": f"a{{job={quoted}}}"}) == [word]
    assert ask(tenant, "series", {"match[]": f"a{{job={quoted}}}"}) == [{"__name__": "a", "job": word}]


@pytest.mark.parametrize("op", ["EQ", "NE", "REGEX", "NOT_REGEX", "GT", "LT", "EXISTS", "NOT_EXISTS"])
def test_a_hostile_word_breaks_no_operator(orchard: Tenant, op: str) -> None:
    for words in (HOSTILE[:11], HOSTILE[11:]):
        heads = ", ".join(f"$q{n}: TraceQuery!" for n in range(len(words)))
        fields = " ".join(f"f{n}: traces(query: $q{n}) {{ edges {{ cursor }} }}" for n in range(len(words)))
        conditions = [[{"key": word, "op": op, "value": word}] for word in words]
        variables = {f"q{n}": {"range": around(), "attributes": found} for n, found in enumerate(conditions)}
        answer = orchard.post(f"query({heads}) {{ {fields} }}", variables)
        # Some are no patterns, which is for RE2 to say, and for nobody else.
        messages = {error["message"] for error in answer.get("errors", ())}
        assert all("RE2" in message for message in messages)
        assert not messages or op in ("REGEX", "NOT_REGEX")
