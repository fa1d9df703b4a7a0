"""After the split: traces that metrics' exemplars point to are named in the log, where their spans wait.

Only for tenants whose sampling rule asks for it, by a policy of type `exemplar`. A vote is a control record in the
trace's own partition; it is part of the call, which is answered when the log has it, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ingest.answer import Refused
from ingest.batch import Batch, Part
from ingest.topics import Topics
from otelhouse.bus.contract import Outgoing
from otelhouse.keys import Tenant
from otelhouse.rules.rule import Kind, Rules
from schema.hash import partitions_of
from schema.partition_key import tenant_seed
from schema.record import VOTES_A_RECORD, Votes
from schema.signal import Signal

_ID_BYTES = 16


class Vote:
    """Exemplars of kept metrics -> parts for the topic of traces."""

    def __init__(self, topics: Topics, rules: Rules) -> None:
        self._topics = topics
        self._rules = rules

    def __call__(self, batch: Batch) -> None:
        """Never refuses: that a trace is kept is worth less than its metric."""
        if batch.signal is not Signal.METRICS or not len(batch.scan.exemplars):
            return
        try:
            partitions = self._topics.partitions(Signal.TRACES)
        except Refused:
            return
        for tenant, rows in batch.by_tenant():
            if asks_for_votes(self._rules, tenant.id):
                batch.parts += self._parts(batch, tenant, rows, partitions)

    def _parts(self, batch: Batch, tenant: Tenant, rows: np.ndarray, partitions: int) -> Iterator[Part]:
        scan = batch.scan
        of_tenant = np.zeros(len(scan.items), np.bool_)
        of_tenant[rows] = True
        item = scan.points.parent[scan.exemplars.parent]
        ids = scan.exemplars.slices("trace_id")
        chosen = np.flatnonzero(of_tenant[item] & ids.are_ids(_ID_BYTES))
        if not len(chosen):
            return
        found = ids.take(chosen)
        partition = partitions_of(found.hash(tenant_seed(tenant.id)), partitions)
        flat, calls = found.fixed(_ID_BYTES), scan.items.call[item[chosen]]
        for number in np.unique(partition).tolist():
            here = np.flatnonzero(partition == number)
            distinct = np.unique(flat[here], axis=0)
            its_calls = np.unique(calls[here]).astype(np.int32)
            for first in range(0, len(distinct), VOTES_A_RECORD):
                votes = Votes(tenant.id, distinct[first : first + VOTES_A_RECORD].tobytes())
                record = Outgoing(Signal.TRACES.topic, number, b"", votes.headers())
                yield Part(record, 0, its_calls)


def asks_for_votes(rules: Rules, tenant: str) -> bool:
    """Whether a policy of the tenant's sampling rule is of type `exemplar`."""
    rule = rules.rule(Kind.SAMPLING, tenant)
    return rule is not None and _names_exemplar(rule.document)


def _names_exemplar(value: object) -> bool:
    if isinstance(value, Mapping):
        return value.get("type") == "exemplar" or any(_names_exemplar(each) for each in value.values())
    return isinstance(value, list) and any(_names_exemplar(each) for each in value)
