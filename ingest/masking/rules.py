"""A tenant's masking rules, compiled to the numbers that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.masking.compose import Action
from ingest.masking.detectors.ids import EVERY_LEAF, LENIENT_CARD, LENIENT_SSN, USER_RULES, Detector
from ingest.masking.keys import KEEP_RULE, PLAIN_RULE
from otelhouse.rules.documents.masking import MaskingAction, MaskingRules, parse
from otelhouse.rules.rule import Rule

_LENIENT = {"card": LENIENT_CARD, "ssn": LENIENT_SSN}


@dataclass(frozen=True, slots=True, eq=False)
class MaskingPolicy:
    """Compiled rules. `mask`: detectors' bits; `actions` uint8[256] by rule; `globs`: (text, rule) in their order.

    `patterns`: (RE2, rule). `version` goes into the header of each record.
    """

    version: int
    mask: int
    actions: npt.NDArray[np.uint8]
    globs: tuple[tuple[bytes, int], ...] = ()
    patterns: tuple[tuple[str, int], ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether nothing can be found."""
        return self.mask == 0 and not any(rule < PLAIN_RULE for _, rule in self.globs)


_DEFAULT = parse({})


def compile_masking(rule: Rule | None, tenant: str) -> MaskingPolicy:
    """The policy of a rule; None is the profile `default`. Raises InvalidRule."""
    if rule is None:
        return DEFAULT_POLICY
    return compiled(parse(rule.document), rule.version)


def compiled(rules: MaskingRules, version: int) -> MaskingPolicy:
    """The policy of a parsed document."""
    actions = np.zeros(256, np.uint8)
    mask = 0
    for name, action in rules.detectors.items():
        detector = Detector[name.upper()]
        mask |= 1 << detector
        actions[detector] = _number(action)
    for name in rules.unchecked:
        mask |= _LENIENT[name]
    globs = [(glob.encode(), KEEP_RULE) for glob in rules.keep]
    for place, (glob, action) in enumerate(rules.keys):
        number = PLAIN_RULE if action is MaskingAction.OFF else USER_RULES + place
        globs.append((glob.encode(), number))
        actions[number] = _number(action)
    patterns = []
    for place, (_, pattern, action) in enumerate(rules.patterns):
        if action is not MaskingAction.OFF:
            number = USER_RULES + len(rules.keys) + place
            patterns.append((pattern, number))
            actions[number] = _number(action)
    if patterns:
        mask |= EVERY_LEAF
    return MaskingPolicy(version, mask, actions, tuple(globs), tuple(patterns))


def _number(action: MaskingAction) -> int:
    return int(Action[action.name])


DEFAULT_POLICY = compiled(_DEFAULT, 0)


@dataclass(slots=True)
class PolicyTable:
    """The policies that one set of kernels' tables knows, by number. Not thread-safe.

    `masks` int64[policies], `glob_at` int64[policies + 1], `globs` int64[3 * globs], `text` uint8[], as `context.py`
    has them; `actions` uint8[policies, 256].
    """

    policies: list[MaskingPolicy] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    masks: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    glob_at: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    globs: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    text: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros(1, np.uint8))
    actions: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((1, 256), np.uint8))

    def number(self, policy: MaskingPolicy) -> int:
        """The number of a policy, a new one if it is not known yet: then `build` before the kernels run."""
        number = self.numbers.setdefault(id(policy), len(self.policies))
        if number == len(self.policies):
            self.policies.append(policy)  # held, so that no other policy gets its id
        return number

    @property
    def is_built(self) -> bool:
        """Whether the arrays hold all policies."""
        return len(self.masks) == len(self.policies)

    def build(self) -> None:
        """Make the arrays anew."""
        globs: list[tuple[int, int, int]] = []
        text = b""
        at = [0]
        for policy in self.policies:
            for glob, rule in policy.globs:
                globs.append((len(text), len(glob), rule))
                text += glob
            at.append(len(globs))
        self.masks = np.array([policy.mask for policy in self.policies], np.int64)
        self.glob_at = np.array(at, np.int64)
        self.globs = np.array(globs or [(0, 0, 0)], np.int64).ravel()
        self.text = np.frombuffer(bytearray(text or b"\0"), np.uint8)
        self.actions = np.stack([policy.actions for policy in self.policies])
