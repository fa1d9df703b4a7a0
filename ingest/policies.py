"""Rules compiled for the hot path: once for each version, not once a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ingest.answer import Refused, unavailable
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind, Rule, Rules
from otelhouse.telemetry import get_logger

T = TypeVar("T")

_log = get_logger(__name__)


class Policies(Generic[T]):
    """Tenant -> its rule of one kind, compiled. Thread-safe: two threads may compile the same, which is harmless.

    `compile(rule, tenant)` gets None for a tenant without a rule, and raises InvalidRule for a document that this
    release does not understand (a newer one may have stored it): then what was compiled before holds.
    """

    def __init__(self, rules: Rules, kind: Kind, compile: Callable[[Rule | None, str], T]) -> None:
        self._rules = rules
        self._kind = kind
        self._compile = compile
        self._compiled: dict[str, tuple[Rule | None, T]] = {}
        self._refused: dict[str, Rule | None] = {}

    def of(self, tenant: str) -> T:
        """The policy in force, at about 0.3 us a call. Raises Refused (UNAVAILABLE) if there is none: fail closed."""
        rule = self._rules.rule(self._kind, tenant)
        held = self._compiled.get(tenant)
        if held is not None and held[0] is rule:
            return held[1]
        return self._renew(tenant, rule, held)

    def _renew(self, tenant: str, rule: Rule | None, held: tuple[Rule | None, T] | None) -> T:
        if not self._rules.loaded:
            raise unavailable("the rules of this tenant cannot be read yet")
        if held is None or tenant not in self._refused or self._refused[tenant] is not rule:
            try:
                policy = self._compile(rule, tenant)
            except InvalidRule as error:
                version = rule.version if rule else 0
                _log.error(
                    "a rule is not understood", kind=self._kind, tenant=tenant, version=version, error=str(error)
                )
                self._refused[tenant] = rule
            else:
                self._compiled[tenant] = (rule, policy)
                self._refused.pop(tenant, None)
                return policy
        if held is None:
            raise _not_understood(self._kind)
        return held[1]


def _not_understood(kind: Kind) -> Refused:
    return unavailable(f"the {kind} rule of this tenant is not understood by this release")
