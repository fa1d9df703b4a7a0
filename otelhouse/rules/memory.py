"""Rules without PostgreSQL: what unit tests and dry runs give to the steps that read rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from otelhouse.rules.documents import parse
from otelhouse.rules.rule import HashKey, Kind, OnChange, Rule


class MemoryRules:
    """Rules as they are applied to it, at once. Every tenant has a hash key, made from its name."""

    def __init__(self) -> None:
        self.loaded = True
        self._rules: dict[tuple[Kind, str], Rule] = {}
        self._hash_keys: dict[str, HashKey | None] = {}
        self._callbacks: list[OnChange] = []

    def apply(self, kind: Kind, tenant: str, document: Mapping[str, Any]) -> Rule:
        """Make this the newest version. Raises InvalidRule."""
        parse(kind, document)
        before = self._rules.get((kind, tenant))
        rule = Rule(tenant, kind, before.version + 1 if before else 1, document, datetime(2026, 1, 1, tzinfo=UTC))
        self._rules[kind, tenant] = rule
        for callback in self._callbacks:
            callback(kind, tenant)
        return rule

    def set_hash_key(self, tenant: str, key: HashKey | None) -> None:
        """Replace a tenant's secret; None: it has none."""
        self._hash_keys[tenant] = key

    def rule(self, kind: Kind, tenant: str) -> Rule | None:
        return self._rules.get((kind, tenant))

    def hash_key(self, tenant: str) -> HashKey | None:
        return self._hash_keys.setdefault(tenant, HashKey(1, hashlib.sha256(tenant.encode()).digest()))

    def tenants(self, kind: Kind) -> list[str]:
        return sorted(tenant for found, tenant in self._rules if found is kind)

    def on_change(self, callback: OnChange) -> None:
        self._callbacks.append(callback)
