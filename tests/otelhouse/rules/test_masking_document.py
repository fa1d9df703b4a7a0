"""What a document of masking may say, and what is said about one that may not."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.masking.detectors.ids import Detector
from otelhouse.rules.documents.masking import DEFAULT_DETECTORS, DETECTORS, MaskingAction, parse
from otelhouse.rules.errors import InvalidRule


def test_the_profile_default_holds_where_nothing_is_said() -> None:
    rules = parse({})
    assert dict(rules.detectors) == dict.fromkeys(DEFAULT_DETECTORS, MaskingAction.MASK)
    assert "phone" not in rules.detectors


def test_single_detectors_differ_from_the_profile() -> None:
    rules = parse({"profile": "off", "action": "hash", "detectors": {"card": {"checksum": False}, "email": "drop"}})
    assert dict(rules.detectors) == {"card": MaskingAction.HASH, "email": MaskingAction.DROP}
    assert rules.unchecked == {"card"}


def test_every_detector_of_documents_is_one_of_ingest() -> None:
    assert {detector.name.lower() for detector in Detector} == set(DETECTORS)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"profile": "some"}, "profile: "),
        ({"action": "off"}, "action: "),
        ({"detectors": {"face": "mask"}}, "detectors.face: is no detector"),
        ({"detectors": {"email": {"checksum": False}}}, "detectors.email.checksum: can be left out for card and ssn"),
        ({"keys": [{"match": ""}]}, "keys[0].match: "),
        ({"patterns": [{"name": "p", "pattern": "("}]}, "patterns[0].pattern: "),
        ({"patterns": [{"name": "p", "pattern": "a(?=b)"}]}, "patterns[0].pattern: "),
        ({"keys": [{"match": "a"}] * 201}, "has more than 200"),
        ({"kept": []}, "kept: is no setting here"),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(document)
    assert message in str(refused.value)
