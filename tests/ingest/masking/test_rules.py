"""Profiles, actions, a tenant's own keys and patterns."""

from __future__ import annotations

import re

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.ingest.masking.masked import masked, masked_text
from tests.ingest.requests import attribute, span, traces

MAIL = "jane@example.com"


def attributes_after(document: dict[str, object], *attributes: KeyValue) -> dict[str, str]:
    one = span("work")
    one.attributes.extend(attributes)
    done = masked(traces(one), document).resource_spans[0].scope_spans[0].spans[0]
    return {each.key: each.value.string_value for each in done.attributes}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, "**** 10.1.2.3"),
        ({}, "**** 10.1.2.3"),
        ({"profile": "all"}, "**** ****"),
        ({"profile": "off"}, f"{MAIL} 10.1.2.3"),
        ({"profile": "off", "detectors": {"ipv4": "mask"}}, f"{MAIL} ****"),
        ({"detectors": {"email": "off"}}, f"{MAIL} 10.1.2.3"),
        ({"profile": "all", "action": "partial"}, "j****@example.com 10.1.****"),
    ],
)
def test_a_profile_says_what_is_looked_for(document: dict[str, object] | None, expected: str) -> None:
    assert masked_text(f"{MAIL} 10.1.2.3", document) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111 1111 1111 1111", "****1111"),
        ("123-45-6789", "****6789"),
        ("DE89370400440532013000", "DE****3000"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA****"),
    ],
)
def test_a_partial_mask_keeps_what_tells_two_apart(text: str, expected: str) -> None:
    assert masked_text(text, {"action": "partial"}) == expected


def test_equal_values_have_equal_hashes_however_they_are_written() -> None:
    hash_it = {"action": "hash"}
    found = masked_text("4111 1111 1111 1111", hash_it)
    assert re.fullmatch(r"h1:[A-Za-z0-9_-]{22}", found)
    assert masked_text("paid with 4111-1111-1111-1111", hash_it) == f"paid with {found}"
    assert masked_text("Jane@Example.com", hash_it) == masked_text(MAIL, hash_it)
    assert masked_text("joe@example.com", hash_it) != masked_text(MAIL, hash_it)


def test_a_number_that_is_a_card_hashes_like_its_text() -> None:
    number = KeyValue(key="n", value=AnyValue(int_value=4111111111111111))
    double = KeyValue(key="d", value=AnyValue(double_value=4111111111111111))
    other = KeyValue(key="o", value=AnyValue(int_value=4111111111111112))
    after = attributes_after({"action": "hash"}, number, double, attribute("t", "4111111111111111"), other)
    assert after["n"] == after["d"] == after["t"] != ""
    assert after["o"] == ""


def test_drop_removes_the_attribute_and_empties_other_texts() -> None:
    one = span(f"mail {MAIL}")
    one.attributes.extend([attribute("a", MAIL), attribute(f"k {MAIL}", "v"), attribute("b", "stays")])
    done = masked(traces(one), {"action": "drop"}).resource_spans[0].scope_spans[0].spans[0]
    assert [each.key for each in done.attributes] == ["b"]
    assert done.name == ""


def test_the_first_glob_that_fits_a_key_wins() -> None:
    document = {
        "keys": [{"match": "user.password.hint", "action": "off"}, {"match": "*passport*", "action": "drop"}],
        "keep": ["support.*"],
    }
    after = attributes_after(
        document,
        attribute("user.password.hint", "a fruit"),
        attribute("PassPort.No", "X1"),
        attribute("support.mail", MAIL),
        attribute("mail", MAIL),
    )
    assert after == {"user.password.hint": "a fruit", "support.mail": MAIL, "mail": "****"}


def test_users_patterns_are_re2_within_each_text() -> None:
    document = {"patterns": [{"name": "employee", "pattern": r"\bE-[0-9]{4}\b"}, {"name": "all", "pattern": "^whole$"}]}
    after = attributes_after(
        document,
        attribute("a", "by E-1234 and E-5678, not E-12345"),
        attribute("b", "whole"),
        attribute("c", "a whole"),
    )
    assert after == {"a": "by **** and ****, not E-12345", "b": "****", "c": "a whole"}


def test_a_pattern_and_a_detector_that_overlap_take_what_either_takes() -> None:
    document = {"patterns": [{"name": "p", "pattern": "about [a-z]+"}]}
    assert masked_text(f"ask about {MAIL} now", document) == "ask **** now"


def test_a_check_that_is_left_out_takes_numbers_that_fail_it() -> None:
    assert masked_text("4111 1111 1111 0123, 123-45-0000") == "4111 1111 1111 0123, 123-45-0000"
    lenient = {"detectors": {"card": {"checksum": False}, "ssn": {"checksum": False}}}
    assert masked_text("4111 1111 1111 0123, 123-45-0000", lenient) == "****, ****"
