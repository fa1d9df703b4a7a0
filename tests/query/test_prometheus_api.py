"""The Prometheus HTTP API: its answers and refusals, to the letter of Prometheus 3.5."""

from __future__ import annotations

import gzip
import json
import math
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.query.house import NOW, House, Tenant
from tests.query.prometheus_house import Parameters, ask, get, refused
from tests.support.rows import SECOND, ExemplarData

AT = NOW // 1_000_000
S = AT // 1000
MINUTES = 60


@pytest.fixture
def shop(tenant: Tenant) -> Tenant:
    """A counter that grows by one in a second, of two jobs, and a gauge."""
    for job, factor in (("a", 1.0), ("b", 2.0)):
        points = [(AT - before * 15_000, (20 - before) * 15 * factor) for before in range(20, -1, -1)]
        tenant.rows.samples(
            {"__name__": "requests_total", "job": job}, *points, type="counter", help="Requests.", unit=""
        )
    tenant.rows.samples({"__name__": "load", "job": "a"}, (AT - 1500, math.nan), (AT, 0.25), type="gauge")
    return tenant


def test_a_query_at_a_time_gives_a_point_of_each_series(shop: Tenant) -> None:
    assert ask(shop, "query", {"query": "sort(requests_total / 150)", "time": S}) == {
        "resultType": "vector",
        "result": [
            {"metric": {"job": "a"}, "value": [S, "2"]},
            {"metric": {"job": "b"}, "value": [S, "4"]},
        ],
    }


def test_a_query_without_a_time_is_of_now(shop: Tenant) -> None:
    assert ask(shop, "query", {"query": "time()"}) == {"resultType": "scalar", "result": [S, str(S)]}
    assert ask(shop, "query", {"query": "load"})["result"][0]["value"] == [S, "0.25"]


def test_a_range_vector_has_all_its_samples(shop: Tenant) -> None:
    found = ask(shop, "query", {"query": "load[1m]", "time": S + 0.5})
    assert found == {
        "resultType": "matrix",
        "result": [{"metric": {"__name__": "load", "job": "a"}, "values": [[S - 1.5, "NaN"], [S, "0.25"]]}],
    }


def test_a_string_is_answered_as_one(shop: Tenant) -> None:
    assert ask(shop, "query", {"query": '"a\\n<b"', "time": 1.5}) == {"resultType": "string", "result": [1.5, "a\n<b"]}


def test_a_range_query_has_steps_from_start_to_end(shop: Tenant) -> None:
    found = ask(shop, "query_range", {"query": "requests_total", "start": S - 30, "end": S, "step": "15s"})
    assert found["resultType"] == "matrix"
    assert found["result"][1] == {
        "metric": {"__name__": "requests_total", "job": "b"},
        "values": [[S - 30, "540"], [S - 15, "570"], [S, "600"]],
    }
    (row,) = ask(shop, "query_range", {"query": "1e-7", "start": "2025-06-15T15:06:40.5Z", "end": S + 1, "step": "1"})[
        "result"
    ]
    assert row == {"metric": {}, "values": [[S + 0.5, "1e-07"]]}


def test_steps_without_a_sample_are_left_out(shop: Tenant) -> None:
    found = ask(shop, "query_range", {"query": "load > 0", "start": S - 15, "end": S + 400, "step": 15})
    assert [time for time, _ in found["result"][0]["values"]] == list(range(S, S + 300, 15))
    wide = {"query": "load", "start": S, "end": S + 400, "step": 1, "lookback_delta": "10s"}
    assert len(ask(shop, "query_range", wide)["result"][0]["values"]) == 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1/0", "+Inf"), ("-1/0", "-Inf"), ("0/0", "NaN"), ("1e6", "1000000"), ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"), ("0.000001", "0.000001"), ("0.0000001", "1e-07"), ("0.1+0.2", "0.30000000000000004"),
        ("-0.5", "-0.5"), ("1.5e300", "1.5e+300"), ("123456789.5", "123456789.5"), ("-2e-9", "-2e-09"),
    ],
)  # fmt: skip
def test_values_are_written_as_go_writes_them(tenant: Tenant, value: str, text: str) -> None:
    assert ask(tenant, "query", {"query": value, "time": 0})["result"] == [0, text]


@pytest.mark.parametrize("path", ["query", "query_range", "series", "labels", "format_query", "query_exemplars"])
def test_a_form_is_as_good_as_an_address(shop: Tenant, path: str) -> None:
    parameters = {"query": "requests_total", "match[]": "load", "start": S - 60, "end": S, "step": 15, "time": S}
    headers = {"authorization": f"Bearer {shop.key}"}
    posted = httpx.post(f"http://{shop.http}/api/v1/{path}", data=parameters, headers=headers)
    assert posted.json() == get(shop, path, parameters).json()
    assert posted.json()["status"] == "success"


NO_TIME = 'cannot parse "x" to a valid timestamp'
RANGE = {"query": "1", "start": 0, "end": 10, "step": 1}


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        ("query", {"query": "1", "time": "x"}, f"invalid parameter \"time\": invalid time value for 'time': {NO_TIME}"),
        ("query", {"query": "1", "limit": "-1"}, 'invalid parameter "limit": limit must be non-negative'),
        ("query", {"query": "1", "limit": "x"}, 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'),
        ("query", {"query": "1", "timeout": "x"}, 'invalid parameter "timeout": cannot parse "x" to a valid duration'),
        ("query", {"query": "1", "lookback_delta": "x"},
         'error parsing lookback delta duration: cannot parse "x" to a valid duration'),
        ("query_range", {**RANGE, "start": "x"}, f'invalid parameter "start": {NO_TIME}'),
        ("query_range", {"query": "1"}, 'invalid parameter "start": cannot parse "" to a valid timestamp'),
        ("query_range", {**RANGE, "end": -1}, 'invalid parameter "end": end timestamp must not be before start time'),
        ("query_range", {**RANGE, "step": "0"},
         'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
         "Try a positive integer"),
        ("query_range", {**RANGE, "step": ""}, 'invalid parameter "step": cannot parse "" to a valid duration'),
        ("query_range", {**RANGE, "end": 11_001},
         "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"),
        ("query_range", {**RANGE, "query": "a[5m]"},
         'invalid parameter "query": invalid expression type "range vector" for range query, '
         "must be Scalar or instant Vector"),
        ("series", {}, "no match[] parameter provided"),
        ("series", {"match[]": "{}"},
         'invalid parameter "match[]": match[] must contain at least one non-empty matcher'),
        ("metadata", {"limit": "x"}, "limit must be a number"),
        ("rules", {"type": "x"}, 'invalid parameter "type": not supported value "x"'),
        ("status/tsdb", {"limit": "0"}, "limit must be a positive number"),
        ("query_exemplars", {"query": "a", "start": 2, "end": 1},
         "end timestamp must not be before start timestamp"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_as_prometheus_refuses_it(
    tenant: Tenant, path: str, parameters: Parameters, message: str
) -> None:
    assert refused(tenant, path, parameters) == (400, "bad_data", message)


def test_eleven_thousand_steps_are_answered(tenant: Tenant) -> None:
    (row,) = ask(tenant, "query_range", {**RANGE, "end": 11_000})["result"]
    assert len(row["values"]) == 11_001


@pytest.mark.parametrize("query", ["", "foo{", "foo bar", "rate(foo)", 'foo{a=~"("}', "nothing(foo)"])
@pytest.mark.parametrize("path", ["query", "query_range", "format_query", "parse_query"])
def test_what_is_no_expression_is_bad_data(tenant: Tenant, path: str, query: str) -> None:
    status, kind, message = refused(tenant, path, {**RANGE, "query": query})
    assert (status, kind) == (400, "bad_data")
    assert message.startswith('invalid parameter "query": ')


def test_what_has_no_value_is_an_error_of_execution(shop: Tenant) -> None:
    status, kind, message = refused(shop, "query", {"query": "requests_total + on(x) requests_total"})
    assert (status, kind) == (422, "execution")
    assert "many-to-many" in message


def test_a_limit_cuts_and_says_so(shop: Tenant) -> None:
    cut = ["results truncated due to limit"]
    start = {"start": S - 600}
    for path, parameters, length in (
        ("query", {"query": "requests_total", "limit": 1}, 1),
        ("query", {"query": "requests_total[1m]", "limit": 1}, 1),
        ("query_range", {"query": "requests_total", "start": S, "end": S, "step": 1, "limit": 1}, 1),
        ("series", {"match[]": "requests_total", "limit": 1, **start}, 1),
        ("labels", {"limit": 1}, 1),
        ("label/job/values", {"limit": 1}, 1),
    ):
        answer = get(shop, path, parameters).json()
        found = answer["data"]["result"] if path.startswith("query") else answer["data"]
        assert (len(found), answer["warnings"]) == (length, cut), path
        assert "warnings" not in get(shop, path, {**parameters, "limit": 2}).json()


def test_warnings_and_infos_stand_beside_the_data(shop: Tenant) -> None:
    answer = get(shop, "query", {"query": "rate(load[1m])"}).json()
    assert answer["status"] == "success"
    assert any("might not be a counter" in each for each in answer["infos"])


def test_stats_are_given_if_asked_for(shop: Tenant) -> None:
    found = ask(shop, "query", {"query": "load", "stats": "all"})
    assert set(found["stats"]["timings"]) >= {"evalTotalTime", "execQueueTime", "execTotalTime"}
    assert found["stats"]["samples"]["totalQueryableSamples"] == 2


def test_series_and_their_labels_are_listed_by_what_was_active(shop: Tenant) -> None:
    day = 86_400
    shop.rows.samples({"__name__": "old", "job": "c", "only.old": "1"}, (AT - 3 * day * 1000, 1.0))
    now = {"start": S - 600, "end": S}
    assert ask(shop, "series", {"match[]": '{job="a"}', **now}) == [
        {"__name__": "load", "job": "a"},
        {"__name__": "requests_total", "job": "a"},
    ]
    several = [("match[]", 'load{job="a"}'), ("match[]", 'requests_total{job="b"}'), ("start", S - 600)]
    assert len(ask(shop, "series", several)) == 2
    assert ask(shop, "labels", now) == ["__name__", "job"]
    assert ask(shop, "labels") == ["__name__", "job", "only.old"]
    assert ask(shop, "label/job/values", now) == ["a", "b"]
    assert ask(shop, "label/job/values", {**now, "match[]": "load"}) == ["a"]
    assert ask(shop, "label/__name__/values", now) == ["load", "requests_total"]
    assert ask(shop, "label/U__only_2e_old/values") == ["1"]
    assert ask(shop, "label/nothing/values") == []


def test_of_a_range_that_is_past_only_what_had_samples_in_it_is_listed(shop: Tenant) -> None:
    hour = 3600
    shop.rows.samples({"__name__": "old", "job": "c"}, (AT - 5 * hour * 1000, 1.0))
    past = {"start": S - 6 * hour, "end": S - 4 * hour}
    assert ask(shop, "series", {"match[]": '{job=~".+"}', **past}) == [{"__name__": "old", "job": "c"}]
    assert ask(shop, "label/job/values", past) == ["c"]
    assert ask(shop, "label/job/values", {**past, "match[]": "old"}) == ["c"]
    assert ask(shop, "labels", {"start": S, "end": S - 10}) == []


def test_metadata_is_told_by_family(shop: Tenant) -> None:
    for suffix in ("_bucket", "_count", "_sum"):
        shop.rows.samples({"__name__": f"latency_seconds{suffix}"}, (AT, 1.0), type="histogram", unit="seconds")
    found = ask(shop, "metadata")
    assert found == {
        "latency_seconds": [{"type": "histogram", "help": "", "unit": "seconds"}],
        "load": [{"type": "gauge", "help": "", "unit": ""}],
        "requests_total": [{"type": "counter", "help": "Requests.", "unit": ""}],
    }
    assert list(ask(shop, "metadata", {"metric": "load"})) == ["load"]
    assert list(ask(shop, "metadata", {"limit": 2})) == ["latency_seconds", "load"]
    assert ask(shop, "metadata", {"limit": 0}) == {}


def test_exemplars_are_listed_by_series(tenant: Tenant) -> None:
    tenant.rows.exemplars(
        ExemplarData("a_bucket", NOW - SECOND // 2, 0.25, "0a" * 16, "0b" * 8, {"le": "1"}, {"user": "u", "n": 3})
    )
    assert ask(tenant, "query_exemplars", {"query": "rate(a_bucket[5m])", "start": S - 60, "end": S}) == [
        {
            "seriesLabels": {"__name__": "a_bucket", "le": "1"},
            "exemplars": [
                {
                    "labels": {"user": "u", "n": "3", "trace_id": "0a" * 16, "span_id": "0b" * 8},
                    "value": "0.25",
                    "timestamp": S - 0.5,
                }
            ],
        }
    ]


def test_what_grafana_looks_at_first_is_there(tenant: Tenant) -> None:
    assert ask(tenant, "status/buildinfo")["version"].startswith("3.5.")
    assert ask(tenant, "rules") == {"groups": []}
    assert ask(tenant, "alerts") == {"alerts": []}
    assert ask(tenant, "status/flags")["query.lookback-delta"] == "300s"
    assert "startTime" in ask(tenant, "status/runtimeinfo")
    assert ask(tenant, "status/config") == {"yaml": ""}
    assert ask(tenant, "targets")["activeTargets"] == []


def test_the_status_page_of_the_head_counts_active_series(shop: Tenant) -> None:
    found = ask(shop, "status/tsdb", {"limit": 1})
    assert (found["headStats"]["numSeries"], found["headStats"]["numLabelPairs"]) == (3, 4)
    assert found["seriesCountByMetricName"] == [{"name": "requests_total", "value": 2}]
    assert found["labelValueCountByLabelName"] == [{"name": "__name__", "value": 2}]
    assert found["memoryInBytesByLabelName"] == [{"name": "__name__", "value": len("requests_totalload")}]
    assert found["seriesCountByLabelValuePair"] == [{"name": "__name__=requests_total", "value": 2}]


def test_an_expression_is_formatted_and_parsed(tenant: Tenant) -> None:
    assert ask(tenant, "format_query", {"query": "foo/bar"}) == "foo / bar"
    tree = ask(tenant, "parse_query", {"query": 'topk by (a) (3, rate(foo{b=~"c|d"}[5m] offset -1m @ 10))'})
    assert tree == {
        "type": "aggregation", "op": "topk", "grouping": ["a"], "without": False,
        "param": {"type": "numberLiteral", "val": "3"},
        "expr": {
            "type": "call",
            "func": {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"},
            "args": [{
                "type": "matrixSelector", "name": "foo", "range": 300_000, "offset": -60_000, "timestamp": 10_000,
                "startOrEnd": None,
                "matchers": [
                    {"name": "b", "type": "=~", "value": "c|d"},
                    {"name": "__name__", "type": "=", "value": "foo"},
                ],
            }],
        },
    }  # fmt: skip


def test_a_binary_expression_is_parsed_with_its_matching(tenant: Tenant) -> None:
    tree = ask(
        tenant, "parse_query", {"query": "-a * on (x) group_left (y) (last_over_time(b[5m:1m] @ end()) > bool 1)"}
    )
    assert tree["matching"] == {"card": "many-to-one", "include": ["y"], "labels": ["x"], "on": True}
    assert tree["lhs"] == {"type": "unaryExpr", "op": "-", "expr": tree["lhs"]["expr"]}
    inner = tree["rhs"]["expr"]
    assert (inner["bool"], inner["matching"]) == (True, None)
    (argument,) = inner["lhs"]["args"]
    assert (argument["type"], argument["startOrEnd"], argument["step"]) == ("subquery", "end", 60_000)


def _send(tenant: Tenant, method: str, path: str, **headers: str) -> httpx.Response:
    return httpx.request(method, f"http://{tenant.http}/api/v1/{path}", headers=headers)


def test_methods_and_paths_that_are_not_there(tenant: Tenant) -> None:
    assert _send(tenant, "DELETE", "query").status_code == 405
    assert _send(tenant, "POST", "label/a/values").status_code == 405
    assert (_send(tenant, "GET", "nothing").status_code, _send(tenant, "GET", "a/b").text) == (
        404,
        "404 page not found\n",
    )


def test_a_large_answer_is_compressed_for_whom_it_suits(shop: Tenant) -> None:
    parameters = {"query": "requests_total", "start": S - 200, "end": S, "step": 1}
    headers = {"authorization": f"Bearer {shop.key}", "accept-encoding": "gzip;q=1.0, deflate"}
    with httpx.stream("GET", f"http://{shop.http}/api/v1/query_range", params=parameters, headers=headers) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(raw)) == get(shop, "query_range", parameters, **{"accept-encoding": ""}).json()
    assert "content-encoding" not in get(shop, "query", {"query": "1"}).headers


def test_pages_of_other_sites_may_ask_with_a_key_and_read_nothing_without_one(house: House, tenant: Tenant) -> None:
    origin = {"origin": "https://grafana.example"}
    asked = get(tenant, "query", {"query": "1"}, **origin)
    assert asked.headers["access-control-allow-origin"] == "https://grafana.example"
    assert asked.headers["vary"] == "Origin"
    before = _send(tenant, "OPTIONS", "query", **origin)
    assert before.status_code == 204
    assert "Authorization" in before.headers["access-control-allow-headers"]
    without = httpx.get(f"http://{house.http}/api/v1/query?{urlencode({'query': '1'})}", headers=origin)
    assert without.status_code == 200  # the tenant `default` needs no key on this address
    assert "access-control-allow-origin" not in without.headers


def test_a_key_that_is_not_known_is_refused(tenant: Tenant) -> None:
    answer = _send(tenant, "GET", "query?query=1", authorization="Bearer nonsense")
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said["status"], said["errorType"]) == (401, "error", "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
