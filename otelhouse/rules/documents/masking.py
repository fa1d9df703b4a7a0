"""`masking`: what of a tenant's data never reaches the log.

    {"profile": "default", "action": "mask",
     "detectors": {"email": "hash", "card": {"action": "partial", "checksum": false}, "ipv4": "mask", "iban": "off"},
     "keys": [{"match": "*passport*", "action": "drop"}],
     "patterns": [{"name": "employee", "pattern": "\\\\bE-[0-9]{6}\\\\b", "action": "hash"}],
     "keep": ["order.id"]}

The profile says which detectors are on, `detectors` changes single ones. `keys` are globs over attributes' keys, in any
case, whose values are taken whole; the first that fits wins, over the built-in names of secrets (`key_name`) as well.
`keep` are globs of keys whose values are not looked at. Patterns are RE2. An empty document is the profile `default`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from otelhouse.rules.documents.model import Document, parse_model
from otelhouse.rules.documents.re2 import pattern as check_pattern
from otelhouse.rules.errors import InvalidRule

MAX_RULES = 200
"""Keys and patterns of a document together."""


class Profile(StrEnum):
    """Which detectors are on."""

    OFF = "off"
    DEFAULT = "default"
    ALL = "all"


class MaskingAction(StrEnum):
    """What is done with a hit. On a metric's labels `mask` and `partial` act as `hash`, so that series stay apart."""

    OFF = "off"
    MASK = "mask"
    PARTIAL = "partial"
    HASH = "hash"
    DROP = "drop"


DEFAULT_DETECTORS = (
    "card", "iban", "email", "ssn", "jwt", "authorization", "access_key", "private_key", "url_credentials",
    "assignment", "key_name",
)  # fmt: skip
"""Detectors of the profile `default`."""
DETECTORS = (*DEFAULT_DETECTORS, "phone", "ipv4", "ipv6")
"""All built-in detectors, those of the profile `all`."""
CHECKED = ("card", "ssn")
"""Detectors whose check of the number can be left out (`checksum: false`)."""

_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class DetectorDocument(Document):
    """A detector's settings in full."""

    action: MaskingAction | None = None
    checksum: bool = True


class KeyDocument(Document):
    """Attributes taken by their key."""

    match: _Text
    action: MaskingAction | None = None


class PatternDocument(Document):
    """A user's own pattern."""

    name: _Text
    pattern: _Text
    action: MaskingAction | None = None


class MaskingDocument(Document):
    """A tenant's whole document."""

    profile: Profile = Profile.DEFAULT
    action: MaskingAction = MaskingAction.MASK
    detectors: dict[str, MaskingAction | DetectorDocument] = Field(default_factory=dict)
    keys: list[KeyDocument] = Field(default_factory=list)
    patterns: list[PatternDocument] = Field(default_factory=list)
    keep: list[_Text] = Field(default_factory=list, max_length=MAX_RULES)


@dataclass(frozen=True, slots=True)
class MaskingRules:
    """What a document means. `detectors`: those that are on; `unchecked`: those that skip the check of a number;
    `keys` (glob in small letters, action), `patterns` (name, RE2, action)."""

    detectors: Mapping[str, MaskingAction]
    unchecked: frozenset[str]
    keys: tuple[tuple[str, MaskingAction], ...]
    patterns: tuple[tuple[str, str, MaskingAction], ...]
    keep: tuple[str, ...]


def parse(document: Mapping[str, Any]) -> MaskingRules:
    """The rules of a document. Raises InvalidRule."""
    model = parse_model(MaskingDocument, document)
    if model.action is MaskingAction.OFF:
        raise InvalidRule("action", "is what hits get where nothing else is said; to mask nothing, use the profile off")
    detectors: dict[str, MaskingAction] = dict.fromkeys(_of_profile(model.profile), model.action)
    unchecked = set()
    for name, setting in model.detectors.items():
        path = f"detectors.{name}"
        if name not in DETECTORS:
            raise InvalidRule(path, f"is no detector; there are {', '.join(DETECTORS)}")
        full = setting if isinstance(setting, DetectorDocument) else DetectorDocument(action=setting)
        if not full.checksum:
            if name not in CHECKED:
                raise InvalidRule(f"{path}.checksum", f"can be left out for {' and '.join(CHECKED)} only")
            unchecked.add(name)
        detectors[name] = full.action or model.action
    if len(model.keys) + len(model.patterns) > MAX_RULES:
        raise InvalidRule("", f"has more than {MAX_RULES} keys and patterns")
    for place, each in enumerate(model.patterns):
        check_pattern(each.pattern, f"patterns[{place}].pattern")
        check_pattern(f"({each.pattern})", f"patterns[{place}].pattern")  # an open \\Q would reach beyond it
    return MaskingRules(
        {name: action for name, action in detectors.items() if action is not MaskingAction.OFF},
        frozenset(unchecked),
        tuple((key.match.lower(), key.action or model.action) for key in model.keys),
        tuple((each.name, each.pattern, each.action or model.action) for each in model.patterns),
        tuple(glob.lower() for glob in model.keep),
    )


def _of_profile(profile: Profile) -> tuple[str, ...]:
    return {Profile.OFF: (), Profile.DEFAULT: DEFAULT_DETECTORS, Profile.ALL: DETECTORS}[profile]
