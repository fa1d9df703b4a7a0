"""Points of recording rules: by their name, and in the place of what they record, in two partitions of the log."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from otelhouse.bus.contract import TopicPartition
from schema.signal import Signal
from tests.processor.metrics_rows.stream import Log, run
from tests.query.house import House, Tenant
from tests.support.recorded import keep, put

T0 = 1_700_000_000_000 // 60_000 * 60_000
STEP = 30_000
RULES = {
    "rate": "sum by (job) (rate(requests_total[1m]))",
    "mean": "1 - avg without (i) (rate(requests_total[1m])) / 2",
    "least": "min by (job) (requests_total)",
    "most": "max(max_over_time(requests_total[1m]))",
    "there": "group by (job) (requests_total)",
    "busy": "count(rate(requests_total[1m]) > 0.2)",
    "plain": "rate(requests_total[1m])",
    "tagged": "sum by (job) (increase(requests_total[2m]))",
}
DOCUMENT = {
    "groups": [
        {
            "name": "g",
            "interval": "30s",
            "rules": [
                {"record": name, "expr": expr, "labels": {"team": "a"} if name == "tagged" else {}}
                for name, expr in RULES.items()
            ],
        }
    ]
}
QUERIES = (
    *RULES.values(),
    "sum(rate(requests_total[1m]))",
    "avg(rate(requests_total[1m])) * 60",
    "min(requests_total) + max(max_over_time(requests_total[1m]))",
    "sum(increase(requests_total[2m]))",
    "max_over_time(sum(rate(requests_total[1m]))[2m:30s])",
    'sum(rate(requests_total{job="a"}[1m]))',
    'sum by (job) (rate(requests_total{job=~"b|c"}[1m]))',
    'rate(requests_total{i!="12"}[1m])',
    "topk(1, sum by (job) (rate(requests_total[1m])))",
    "sum(rate(requests_total[1m])) by (job) / sum(rate(requests_total[1m])) by (job)",
)


@pytest.fixture(scope="module")
def recorded(house: House) -> Tenant:
    """A tenant whose samples came in two partitions, one of which falls silent."""
    tenant = house.tenant()
    put(house.settings, tenant.name, DOCUMENT)
    for partition in (0, 1):
        keep(house.settings, run(_traffic(tenant.name, partition)).built)
    return tenant


def _traffic(tenant: str, partition: int) -> Log:
    """Ten minutes; the first partition falls silent after six."""
    rng, log = random.Random(partition), Log(name=TopicPartition(Signal.METRICS.topic, partition))
    log.record(T0 - 400_000, DOCUMENT, tenant)
    values = dict.fromkeys(range(6), 0.0)
    for seconds in range(0, 600, 5):
        now = T0 + seconds * 1000
        for number in values:
            if number % 3 == seconds // 5 % 3 and rng.random() < 0.9 and (partition == 1 or seconds < 360):
                values[number] = 0.0 if rng.random() < 0.04 else values[number] + rng.choice((0, 3, 8.5))
                labels = {"job": "ab"[number % 2], "i": f"{partition}{number}"}
                late = rng.choice((0, 0, 0, 20_000)) if seconds < 560 else 0
                log.send(now + 1, "requests_total", (labels, now - late, values[number]), tenant=tenant)
        log.tick(now + 2)
    return log


def ask(tenant: Tenant, query: str, start: int, end: int, step: int = STEP, **more: str) -> dict[str, Any]:
    """The answer's data, and by labels the values by time."""
    headers = {"authorization": f"Bearer {tenant.key}"}
    given = {"query": query, "start": start / 1000, "end": end / 1000, "step": step / 1000, "stats": "all", **more}
    answer = httpx.post(f"http://{tenant.http}/api/v1/query_range", data=given, headers=headers, verify=False).json()
    assert answer["status"] == "success", answer
    data: dict[str, Any] = answer["data"]
    data["found"] = {
        str(sorted(each["metric"].items())): {at: float(value) for at, value in each["values"]}
        for each in data["result"]
    }
    return data


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("start", "end", "step"), [(-60, 600, 30), (90, 300, 60), (120, 120, 30), (0, 600, 45)])
def test_what_a_rule_covers_is_answered_as_without_it(
    recorded: Tenant, query: str, start: int, end: int, step: int
) -> None:
    times = T0 + start * 1000, T0 + end * 1000, step * 1000
    got, wanted = ask(recorded, query, *times), ask(recorded, query, *times, recorded="false")
    assert got["found"].keys() == wanted["found"].keys()
    for labels, values in wanted["found"].items():
        assert got["found"][labels] == pytest.approx(values, rel=1e-9, abs=1e-12, nan_ok=True)
    told = got["stats"].get("recorded", [])
    assert told
    assert "recorded" not in wanted["stats"]
    assert any(each["steps"] for each in told) == (step != 45 or "[2m:30s]" in query)
    assert all(each["steps"] <= each["of"] and each["record"] in RULES for each in told)
    samples = [each["stats"]["samples"]["totalQueryableSamples"] for each in (got, wanted)]
    if step == 60:  # all of it is final
        assert samples[0] < samples[1]
    if step == 45 and "[2m:30s]" not in query:  # not at the times that were recorded
        assert samples[0] == samples[1]


@pytest.mark.parametrize("name", RULES)
def test_recorded_series_are_series_that_end_where_nothing_was_recorded(recorded: Tenant, name: str) -> None:
    start, end = T0, T0 + 510_000
    got = ask(recorded, name, start, end)["found"]
    wanted = ask(recorded, RULES[name], start, end, recorded="false")["result"]
    expected = {}
    for each in wanted:
        labels = {name: value for name, value in each["metric"].items() if name != "__name__"}
        named = {**labels, "__name__": name, **({"team": "a"} if name == "tagged" else {})}
        expected[str(sorted(named.items()))] = {at: float(value) for at, value in each["values"]}
    assert got.keys() == expected.keys()
    for labels, values in expected.items():
        assert got[labels] == pytest.approx(values, rel=1e-9)


def test_points_end_where_log_time_has_come_to(recorded: Tenant) -> None:
    last = max(ask(recorded, "rate", T0, T0 + 900_000)["found"]["[('__name__', 'rate'), ('job', 'a')]"])
    # By the last record log time is 595 s after T0, less ten seconds of grace: 570 is final; then it is looked back at.
    assert last == T0 / 1000 + 570 + 270
    assert ask(recorded, "count_over_time(rate[30s])", T0 + 570_000, T0 + 660_000)["found"].popitem()[1] == {
        T0 / 1000 + 570: 1.0
    }


def test_recorded_series_are_listed(recorded: Tenant) -> None:
    headers = {"authorization": f"Bearer {recorded.key}"}
    found = httpx.get(
        f"http://{recorded.http}/api/v1/series",
        params={"match[]": '{__name__=~"rate|tagged"}', "start": T0 / 1000, "end": T0 / 1000 + 600},
        headers=headers,
        verify=False,
    ).json()["data"]
    assert sorted((each["__name__"], each["job"], each.get("team")) for each in found) == [
        ("rate", "a", None), ("rate", "b", None), ("tagged", "a", "a"), ("tagged", "b", "a"),
    ]  # fmt: skip


def test_another_tenant_sees_none_of_it(recorded: Tenant, house: House) -> None:
    assert ask(house.tenant(), "rate", T0, T0 + 600_000)["found"] == {}


def test_rules_are_told_with_how_far_they_have_come(recorded: Tenant, house: House) -> None:
    headers = {"authorization": f"Bearer {recorded.key}"}

    def rules(**parameters: str) -> Any:
        url = f"http://{recorded.http}/api/v1/rules"
        return httpx.get(url, params=parameters, headers=headers, verify=False).json()["data"]["groups"]

    (group,) = rules()
    assert (group["name"], group["interval"], len(group["rules"])) == ("g", 30, len(RULES))
    tagged = next(each for each in group["rules"] if each["name"] == "tagged")
    assert tagged == {
        "name": "tagged",
        "query": "sum by (job) (increase(requests_total[2m]))",
        "labels": {"team": "a"},
        "health": "ok",
        "evaluationTime": 0,
        "lastEvaluation": "2023-11-14T22:22:30Z",
        "type": "recording",
    }
    assert rules(type="alert") == rules(**{"rule_group[]": "h"}) == rules(**{"rule_name[]": "x"}) == []
    assert [each["name"] for each in rules(**{"rule_name[]": "rate"})[0]["rules"]] == ["rate"]
    asked = "{ recordingRules { group record labels intervalMs completeSince finalUntil } }"
    found = {each["record"]: each for each in recorded.ask(asked)}
    assert found["tagged"] == {
        "group": "g",
        "record": "tagged",
        "labels": {"team": "a"},
        "intervalMs": 30_000,
        "completeSince": "2023-11-14T22:08:30Z",
        "finalUntil": "2023-11-14T22:22:30Z",
    }
    assert house.tenant().ask(asked) == []
