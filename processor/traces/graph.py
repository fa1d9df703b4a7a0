"""Rows of `service_edges`: who asked whom, from the spans of both sides, before any is sampled.

A client's span (CLIENT, PRODUCER) and a server's (SERVER, CONSUMER) that names it as parent are a request, whichever
comes first. What finds no other side within WAIT_MS of log time becomes an edge to a virtual node where the span says
what that is (processor/traces/peers.py), and is counted else. A server's span without a parent was asked by a `user`,
at once; a consumer's by the messaging system that it names. A request stands for as many as the side that stands for
more.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processor.batch import Batch
from processor.columns import block, rows_of, words
from processor.traces import pairing
from processor.traces.cardinality import OVERFLOW
from processor.traces.facts import CLIENT, CONSUMER, ERROR, PRODUCER, SERVER, SpanFacts, bucket_times, halves
from processor.traces.groups import Groups
from processor.traces.pairing import (
    CLIENT_SIDE,
    E_BUCKET,
    E_CLASS,
    E_CLIENT,
    E_CLIENT_NS,
    E_CONNECTION,
    E_FAILED,
    E_SERVER,
    E_SERVER_NS,
    E_TENANT,
    E_VIRTUAL,
    E_WEIGHT,
    SERVER_SIDE,
)
from processor.traces.peers import CALL, CONNECTIONS, EXTERNAL, MESSAGING, peers_of
from processor.traces.words import Words
from schema.arrays import I64, Mask
from schema.arrow import SERVICE_EDGES
from schema.wire.distinct import distinct

WAIT_MS = 10_000
"""How long, in log time, a span waits for the other side."""
MOST_WAITING = 1 << 18
"""Spans of clients and servers after which one waits no longer, however little time has passed."""
MOST_EDGES = 2_000
"""Different edges of a tenant in a window; of more, those that come first, and the others as one edge."""
USER = "user"
"""Who asks a server's span without a parent."""
VIRTUAL = ("", "client", "server")
"""Which end of an edge sent no spans, as it is stored, by number."""

_SMALLEST = 1 << 10
_MANY_WORDS = 50_000
_WORD_COLUMNS = np.array([pairing.TENANT, pairing.SERVICE, pairing.PEER])
_SEED = np.uint64(int.from_bytes(os.urandom(8), "little"))
"""Nobody can send ids that share a slot. It decides places in memory, and nothing else."""


class ServiceGraph:
    """The spans of one partition that wait for their other side. One thread uses it.

    `unmet`: spans that found no other side and could not say what it was; `evicted`: spans that others drove out before
    their time. Both since the start.
    """

    def __init__(self, wait_ms: int = WAIT_MS, most_waiting: int = MOST_WAITING, most_edges: int = MOST_EDGES) -> None:
        self._wait = wait_ms
        self._most = most_waiting
        self._most_edges = most_edges
        self._words = Words()
        self._many_words = _MANY_WORDS
        self._log_ms = 0
        self._state = np.zeros(pairing.STATE_COLUMNS, np.int64)
        self._ring, self._heads = _ring(_SMALLEST)
        self._unmet = 0

    @property
    def unmet(self) -> int:
        """See the class."""
        return self._unmet + int(self._state[pairing.UNMET])

    @property
    def evicted(self) -> int:
        """See the class."""
        return int(self._state[pairing.EVICTED])

    @property
    def open(self) -> int:
        """Spans held: that wait, or might meet more."""
        return int(self._state[pairing.COUNT])

    @property
    def open_since_ms(self) -> int:
        """Who feeds all records from here on, by log time, into a new graph comes to the state that this one is in."""
        return max(0, self._log_ms - 2 * self._wait)

    @property
    def due_ms(self) -> int | None:
        """Log time at which the next span that is held expires; None if none is held."""
        if not self.open:
            return None
        return int(self._ring[int(self._state[pairing.OLDEST]), pairing.ARRIVED]) + self._wait

    def feed(self, facts: SpanFacts) -> pa.RecordBatch:
        """Rows of the edges that are complete with this window; what expires does so at its end."""
        return self._rows(facts.batch, self._take(facts))

    def rebuild(self, facts: SpanFacts) -> None:
        """The same without rows."""
        self._take(facts)

    def waiting(self) -> list[tuple[list[str | None], list[int]]]:
        """What is held, oldest first, in terms that do not depend on this process: for tests."""
        numbers = [each for each in range(pairing.SPAN_COLUMNS) if each not in _WORD_COLUMNS]
        held = self._ring[self._places()]
        held = held[held[:, pairing.STATE] != pairing.GONE]
        texts = [[self._words[word] if word >= 0 else None for word in row] for row in held[:, _WORD_COLUMNS].tolist()]
        return list(zip(texts, held[:, [*numbers, pairing.STATE]].tolist(), strict=True))

    def _take(self, facts: SpanFacts) -> I64:
        self._forget_words()
        spans, at_once = self._spans(facts)
        self._fit(len(spans))
        edges = np.empty((len(spans) + self.open, pairing.EDGE_COLUMNS), np.int64)
        parts = (self._ring, self._heads, self._state, edges)
        found = pairing.pair(spans, self._wait, self._most, _SEED, *parts)
        self._log_ms = max(self._log_ms, facts.batch.window.end_log_ms)
        found = pairing.expire(self._log_ms, self._wait, _SEED, *parts, found)
        return np.concatenate([edges[:found], at_once])

    def _spans(self, facts: SpanFacts) -> tuple[I64, I64]:
        """Spans to be paired, in the order of the log; edges of those that cannot be, and say enough."""
        rows = np.flatnonzero(facts.kind >= SERVER)
        spans = self._columns(facts, rows)
        client = spans[:, pairing.SIDE] == CLIENT_SIDE
        identified = facts.column("trace_id").are_ids(16)[rows]
        identified &= np.where(client, facts.column("span_id").are_ids(8)[rows], facts.has_parent[rows])
        single = spans[~identified]
        named = single[:, pairing.PEER] >= 0
        self._unmet += int(np.count_nonzero(~named))
        edges = np.empty((int(np.count_nonzero(named)), pairing.EDGE_COLUMNS), np.int64)
        pairing.lone(np.ascontiguousarray(single[named]), edges)
        return np.ascontiguousarray(spans[identified]), edges

    def _columns(self, facts: SpanFacts, rows: I64) -> I64:
        kind = facts.kind[rows]
        client = (kind == CLIENT) | (kind == PRODUCER)
        tenants = self._words.numbers(facts.batch.tenants)
        services = self._words.numbers(facts.services.to_pylist())
        spans = np.empty((len(rows), pairing.SPAN_COLUMNS), np.int64)
        spans[:, pairing.TRACE_1], spans[:, pairing.TRACE_2] = halves(facts.column("trace_id").fixed(16)[rows])
        spans[:, pairing.SPAN] = _span_ids(facts, rows, client)
        spans[:, pairing.TENANT] = tenants[facts.tenant[rows]]
        spans[:, pairing.SIDE] = np.where(client, CLIENT_SIDE, SERVER_SIDE)
        spans[:, pairing.ARRIVED] = facts.log_ms[rows]
        spans[:, pairing.SERVICE] = services[facts.service[rows]]
        spans[:, pairing.PAIRED] = np.where((kind == PRODUCER) | (kind == CONSUMER), MESSAGING, CALL)
        spans[:, pairing.CLASS] = facts.retention_class[rows]
        spans[:, pairing.BUCKET] = facts.bucket[rows]
        spans[:, pairing.DURATION] = facts.duration[rows]
        spans[:, pairing.FAILED] = facts.status[rows] == ERROR
        spans[:, pairing.WEIGHT] = facts.weight[rows].view(np.int64)
        self._name_peers(facts, rows, client, spans)
        return spans

    def _name_peers(self, facts: SpanFacts, rows: I64, client: Mask, spans: I64) -> None:
        """Put in what the other side is called where it sends no spans."""
        scan = facts.batch.scan
        root = ~client & ~facts.has_parent[rows]
        served = root & (facts.kind[rows] == SERVER)
        spans[:, pairing.PEER] = -1
        spans[:, pairing.UNPAIRED] = EXTERNAL
        if served.any():
            spans[served, pairing.PEER] = self._words.numbers([USER])[0]
        asked = np.flatnonzero(client | (root & ~served))
        peers = peers_of(scan, facts.rows[rows[asked]], facts.kind[rows[asked]])
        spans[asked, pairing.UNPAIRED] = peers.connection
        named = np.flatnonzero(peers.named_by >= 0)
        texts = scan.attributes.of_rows("value", peers.named_by[named])
        number, first = distinct(texts)
        known = self._words.numbers(text.decode() for text in texts.take(first))
        spans[asked[named], pairing.PEER] = known[number]

    def _fit(self, more: int) -> None:
        """Make room in the ring for this many spans more; give room back that is no longer needed."""
        needed = max(_SMALLEST, 1 << (min(self._most, self.open + more)).bit_length())
        if needed > len(self._ring) or needed * 8 < len(self._ring):
            ring, heads = _ring(needed)
            pairing.move(self._ring, self._state, _SEED, ring, heads)
            self._ring, self._heads = ring, heads

    def _forget_words(self) -> None:
        """Forget texts that no span held uses, once there are many."""
        if len(self._words) < self._many_words:
            return
        held = np.ix_(self._places(), _WORD_COLUMNS)
        numbers = self._ring[held]
        used = np.unique(numbers[numbers >= 0])
        moved = self._words.keep(used.tolist())
        self._ring[held] = np.where(numbers >= 0, moved[numbers], -1)
        self._many_words = max(_MANY_WORDS, 2 * len(used))

    def _places(self) -> I64:
        """Rows of the ring in use, oldest first."""
        places: I64 = (self._state[pairing.OLDEST] + np.arange(self.open)) & (len(self._ring) - 1)
        return places

    def _rows(self, batch: Batch, edges: I64) -> pa.RecordBatch:
        times = Groups.by(np.ascontiguousarray(edges[:, E_BUCKET]))
        groups = self._folded(edges).split(edges[:, E_CLASS], 256).split(times.of_row, max(1, len(times)))
        first = edges[groups.first]
        weight = np.ascontiguousarray(edges[:, E_WEIGHT]).view(np.float64)
        columns = {
            "tenant": self._named(first[:, E_TENANT]),
            "class": pa.array(first[:, E_CLASS].astype(np.uint8)),
            "day": pa.array(np.full(len(first), batch.window.day, np.int32)).cast(pa.date32()),
            "time": bucket_times(first[:, E_BUCKET]),
            "client": self._named(first[:, E_CLIENT]),
            "server": self._named(first[:, E_SERVER]),
            "connection": words(first[:, E_CONNECTION], CONNECTIONS),
            "virtual": words(first[:, E_VIRTUAL], VIRTUAL),
            "requests": pa.array(groups.sums(weight)),
            "errors": pa.array(groups.sums(weight * edges[:, E_FAILED])),
        }
        for side, column in (("client", E_CLIENT_NS), ("server", E_SERVER_NS)):
            taken = np.ascontiguousarray(edges[:, column])
            present = taken >= 0
            columns[f"{side}_duration_ns"] = pa.array(groups.sums(np.where(present, taken * weight, 0.0)))
            found = groups.histograms(taken, weight, present)
            columns[f"{side}_buckets"], columns[f"{side}_counts"] = found
        return rows_of(SERVICE_EDGES, columns | block(batch, len(first)))

    def _alike(self, edges: I64) -> Groups:
        """Edges of the same tenant, between the same two, of the same kind."""
        ends = Groups.by(edges[:, E_CLIENT] * len(self._words) + edges[:, E_SERVER])
        kind = (edges[:, E_TENANT] * len(CONNECTIONS) + edges[:, E_CONNECTION]) * len(VIRTUAL) + edges[:, E_VIRTUAL]
        return ends.split(kind, max(1, len(self._words) * len(CONNECTIONS) * len(VIRTUAL)))

    def _folded(self, edges: I64) -> Groups:
        """The same, once both ends of edges beyond a tenant's limit have been given one name."""
        alike = self._alike(edges)
        if len(alike) <= self._most_edges:
            return alike
        tenant = edges[alike.first, E_TENANT]
        beyond = np.zeros(len(alike), np.bool_)
        for each in np.unique(tenant).tolist():
            beyond[np.flatnonzero(tenant == each)[self._most_edges :]] = True
        folded = np.flatnonzero(beyond[alike.of_row])
        for end in (E_CLIENT, E_SERVER):
            edges[folded, end] = self._words.numbers([OVERFLOW])[0]
        return self._alike(edges)

    def _named(self, numbers: I64) -> pa.Array:
        used = Groups.by(np.ascontiguousarray(numbers))  # in the order of the log: their numbers mean nothing
        return words(used.of_row, self._words.texts(numbers[used.first].tolist()))


def _ring(capacity: int) -> tuple[I64, npt.NDArray[np.int32]]:
    """An empty ring, and the heads of its chains for both sides."""
    return np.zeros((capacity, pairing.RING_COLUMNS), np.int64), np.full((2, 2 * capacity), -1, np.int32)


def _span_ids(facts: SpanFacts, rows: I64, client: Mask) -> I64:
    """The id of the client's span: its own, or the parent's of the server's."""
    own, parent = (
        facts.column(name).fixed(8).view(np.int64).reshape(-1)[rows] for name in ("span_id", "parent_span_id")
    )
    found: I64 = np.where(client, own, parent)
    return found
