"""A rule: what one tenant wants of one kind, as of one version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class Kind(StrEnum):
    """What a rule is about. The documents' forms stand in `documents/`."""

    LIMITS = "limits"
    CONTROL = "control"
    MASKING = "masking"
    SAMPLING = "sampling"
    SPAN_METRICS = "span_metrics"
    SERIES = "series"
    RECORDING = "recording"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Rule:
    """One version, never changed once it is stored. Versions count from 1 for each tenant and kind.

    A tenant without a rule is at version 0: the kind's built-in default, which is what an empty document means.
    """

    tenant: str
    kind: Kind
    version: int
    document: Mapping[str, Any]
    created_at: datetime
    author: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class HashKey:
    """Secret of a tenant's keyed hashes: 32 bytes. `id` counts from 1 for each tenant and stands beside each hash."""

    id: int
    secret: bytes

    def __repr__(self) -> str:
        return f"HashKey({self.id})"


OnChange = Callable[[Kind, str], None]


class Rules(Protocol):
    """The rules in force, as steps read them. Thread-safe; nothing here blocks."""

    @property
    def loaded(self) -> bool:
        """Whether rules were read since the start. Until then nobody knows what to mask: refuse, do not guess."""

    def rule(self, kind: Kind, tenant: str) -> Rule | None:
        """The newest version, or None if the tenant never set one."""

    def hash_key(self, tenant: str) -> HashKey | None:
        """The tenant's present secret; None for a tenant that is not known."""

    def tenants(self, kind: Kind) -> list[str]:
        """Tenants that have a rule of this kind."""

    def on_change(self, callback: OnChange) -> None:
        """Call back with (kind, tenant) after a rule changed, from a thread of the feed: be quick and do not raise."""
