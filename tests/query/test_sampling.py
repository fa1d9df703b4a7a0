"""Why a trace is there or not, as GraphQL tells it."""

from __future__ import annotations

from tests.query.house import NOW, House, Tenant
from tests.support.rows import SECOND, DecisionData, SpanData

DECISION = """query($id: ID!) { samplingDecision(traceId: $id)
  { state policy reason early rate estimated decidedAt ruleVersion spans duplicates } }"""
VOLUME = """query($range: TimeRange!) { samplingVolume(range: $range) { policy kept traces spans bytes } }"""
MINUTE = {"start": "2025-06-15T15:05:40Z", "end": "2025-06-15T15:06:40Z"}
TIME = NOW - 30 * SECOND
ID = "0a" * 16


def state(tenant: Tenant, trace_id: str = ID) -> str | None:
    found = tenant.ask(DECISION, id=trace_id)
    return None if found is None else str(found["state"])


def test_a_trace_that_was_never_seen_has_no_decision(tenant: Tenant) -> None:
    assert state(tenant) is None


def test_a_trace_that_no_rule_asked_about_is_unsampled(tenant: Tenant) -> None:
    tenant.rows.spans(SpanData(ID, "01" * 8, TIME))
    found = tenant.ask(DECISION, id=ID)
    assert (found["state"], found["policy"], found["rate"]) == ("UNSAMPLED", None, None)
    assert found["reason"] == "no sampling rule was in force when it came"


def test_a_trace_waits_until_it_is_decided(tenant: Tenant) -> None:
    tenant.rows.waiting(ID, time=TIME)
    assert state(tenant) == "PENDING"
    tenant.rows.decisions(DecisionData(ID, TIME, kept=False, policy="", reason="no policy sampled it", rate=0.0))
    found = tenant.ask(DECISION, id=ID)
    assert (found["state"], found["policy"], found["reason"]) == ("DROPPED", None, "no policy sampled it")


def test_a_verdict_is_told_with_its_reason_and_rate(tenant: Tenant) -> None:
    tenant.rows.waiting(ID, time=TIME)
    tenant.rows.decisions(
        DecisionData(
            ID,
            TIME,
            policy="few",
            rate=0.25,
            estimated=True,
            early="num_traces",
            rule_version=3,
            spans=7,
            duplicates=2,
            reason="sampled by a policy of type rate_limiting",
        )
    )
    assert tenant.ask(DECISION, id=ID) == {
        "state": "KEPT", "policy": "few", "reason": "sampled by a policy of type rate_limiting", "early": "num_traces",
        "rate": 0.25, "estimated": True, "decidedAt": "2025-06-15T15:06:10Z", "ruleVersion": 3, "spans": 7,
        "duplicates": 2,
    }  # fmt: skip


def test_of_several_verdicts_that_it_was_kept_counts(tenant: Tenant) -> None:
    kept, dropped = DecisionData(ID, TIME), DecisionData(ID, TIME + SECOND, kept=False)
    tenant.rows.waiting(ID, time=TIME)
    tenant.rows.decisions(kept)
    tenant.rows.decisions(dropped)
    assert state(tenant) == "KEPT"


def test_a_trace_that_came_again_after_it_was_dropped_waits_again(tenant: Tenant) -> None:
    tenant.rows.waiting(ID, time=TIME)
    tenant.rows.decisions(DecisionData(ID, TIME, kept=False))
    tenant.rows.waiting(ID, time=TIME + SECOND)
    assert state(tenant) == "PENDING"


def test_a_trace_tells_its_decision(tenant: Tenant) -> None:
    tenant.rows.spans(SpanData(ID, "01" * 8, TIME))
    tenant.rows.decisions(DecisionData(ID, TIME))
    found = tenant.ask("query($id: ID!) { trace(id: $id) { decision { state policy } } }", id=ID)
    assert found == {"decision": {"state": "KEPT", "policy": "errors"}}


def test_the_volume_of_each_policy_is_added_up(tenant: Tenant) -> None:
    tenant.rows.decisions(
        DecisionData("01" * 16, TIME, spans=3, bytes=10),
        DecisionData("02" * 16, TIME, spans=4, bytes=20),
        DecisionData("03" * 16, TIME, kept=False, policy="", spans=50, bytes=5_000_000_000),
        DecisionData("04" * 16, TIME - 3600 * SECOND),
    )
    assert tenant.ask(VOLUME, range=MINUTE) == [
        {"policy": None, "kept": False, "traces": 1, "spans": 50, "bytes": 5_000_000_000},
        {"policy": "errors", "kept": True, "traces": 2, "spans": 7, "bytes": 30},
    ]


def test_another_tenant_sees_nothing_of_it(tenant: Tenant, house: House) -> None:
    tenant.rows.waiting(ID, time=TIME)
    assert state(house.tenant()) is None
