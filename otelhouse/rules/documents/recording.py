"""Rules of kind `recording`: what is recorded on the stream of a tenant's samples, as a Prometheus rule file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otelhouse.recording.groups import RecordingRules


def parse(document: Mapping[str, Any]) -> RecordingRules:
    """Raises InvalidRule, which names the group and the rule."""
    # Expressions are compiled to kernels: who has rules of other kinds only shall not load them.
    from otelhouse.recording.groups import parse as parse_groups

    return parse_groups(document)
