"""Where masking cannot be done, nothing passes; and each tenant is masked by its own rules."""

from __future__ import annotations

import logging

import pytest

from ingest.answer import Code, Refused
from ingest.masking.scan import Masker
from ingest.steps.mask import MaskingFailedError
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import HashKey, Kind
from tests.ingest.masking.masked import batch_of, bodies_of, mask_of
from tests.ingest.requests import span, traces

MAIL = "jane@example.com"


def request() -> object:
    return traces(span(f"for {MAIL}"))


def test_tenants_of_one_batch_are_masked_by_their_own_rules() -> None:
    rules = MemoryRules()
    rules.apply(Kind.MASKING, "off", {"profile": "off"})
    rules.apply(Kind.MASKING, "hash", {"action": "hash"})
    batch = batch_of(*(request() for _ in range(9)), tenants=("off", "hash", "new"))  # type: ignore[arg-type]
    mask_of(rules)(batch)
    for place, body in enumerate(bodies_of(batch)):
        assert (MAIL.encode() in body, b"for h1:" in body, b"for ****" in body) == tuple(
            place % 3 == kind for kind in range(3)
        )
    assert batch.masking_versions == {"off": 1, "hash": 1, "new": 0}


def test_a_new_version_holds_from_the_next_batch_on() -> None:
    rules = MemoryRules()
    mask = mask_of(rules)
    for version, found in ((0, False), (1, True), (2, False)):
        if version:
            rules.apply(Kind.MASKING, "acme", {"profile": "off" if found else "all"})
        batch = batch_of(request())  # type: ignore[arg-type]
        mask(batch)
        assert (MAIL.encode() in bodies_of(batch)[0]) is found
        assert batch.masking_versions == {"acme": version}


def test_calls_of_a_tenant_whose_rules_are_unknown_are_refused_and_the_others_go_on() -> None:
    rules = MemoryRules()
    policies = mask_of(rules)
    rules.loaded = False
    batch = batch_of(request())  # type: ignore[arg-type]
    policies(batch)
    assert not batch.keep.any()
    assert batch.refused[0].code is Code.UNAVAILABLE


def test_a_tenant_without_a_hash_key_is_refused_only_where_a_hash_is_needed() -> None:
    rules = MemoryRules()
    rules.apply(Kind.MASKING, "lost", {"action": "hash"})
    rules.set_hash_key("lost", None)
    batch = batch_of(request(), request(), tenants=("lost", "acme"))  # type: ignore[arg-type]
    mask_of(rules)(batch)
    assert batch.refused[0].code is Code.UNAVAILABLE
    assert batch.keep.tolist() == [False, True]
    assert MAIL.encode() not in bodies_of(batch)[1]
    quiet = batch_of(traces(span("nothing")), tenants=("lost",))
    mask_of(rules)(quiet)
    assert quiet.keep.all()


def test_another_key_gives_other_hashes() -> None:
    rules = MemoryRules()
    rules.apply(Kind.MASKING, "acme", {"action": "hash"})
    mask = mask_of(rules)
    found = []
    for key in (HashKey(1, b"a" * 32), HashKey(2, b"b" * 32)):
        rules.set_hash_key("acme", key)
        batch = batch_of(request())  # type: ignore[arg-type]
        mask(batch)
        body = bodies_of(batch)[0]
        found.append(body[body.index(b"for h") + 4 :][:25])
    assert found[0][:3] == b"h1:"
    assert found[1][:3] == b"h2:"
    assert found[0][3:] != found[1][3:]


def test_a_failure_lets_nothing_pass_and_logs_no_data(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(f"this names {MAIL}")

    monkeypatch.setattr(Masker, "find", fail)
    with pytest.raises(MaskingFailedError) as together:
        mask_of(MemoryRules())(batch_of(request(), request()))  # type: ignore[arg-type]
    with pytest.raises(Refused) as alone, caplog.at_level(logging.DEBUG):
        mask_of(MemoryRules())(batch_of(request()))  # type: ignore[arg-type]
    assert alone.value.code is Code.UNAVAILABLE
    said = f"{together.value} {alone.value} {caplog.text} {capsys.readouterr()}"
    assert MAIL not in said


def test_a_batch_with_more_to_mask_than_memory_allows_is_tried_call_by_call_and_such_a_call_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.masking.scan.MOST_FOUND", 10)
    much, little = traces(span(f"{MAIL} " * 11)), traces(span(f"{MAIL} " * 9))
    mask = mask_of(MemoryRules())
    mask(batch_of(little))
    with pytest.raises(MaskingFailedError):
        mask(batch_of(little, much))
    with pytest.raises(Refused) as caught:
        mask(batch_of(much))
    assert caught.value.code is Code.TOO_LARGE
