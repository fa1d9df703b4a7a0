"""Rules of kind `sampling`: what a tenant's traces are decided by, in the form of the Collector's `tail_sampling`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otelhouse.sampling.config import TailSampling


def parse(document: Mapping[str, Any]) -> TailSampling | None:
    """A document in any form that `otelhouse sampling decide` takes; None for an empty one: nothing is sampled.

    Raises InvalidRule.
    """
    if not document:
        return None
    # Policies are compiled kernels: who has rules of other kinds only shall not load them.
    from otelhouse.sampling.config import parse as parse_tail_sampling

    return parse_tail_sampling(document)
