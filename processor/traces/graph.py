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
from processor.traces.describing import Described, describe
from processor.traces.facts import SERVER, SpanFacts, bucket_times
from processor.traces.groups import Groups
from processor.traces.peers import CONNECTIONS, peers_of
from processor.traces.words import Words
from schema.arrays import I64
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
_WORD_COLUMNS = ["tenant", "service", "peer"]
_HELD_COLUMNS = [name for name in pairing.SPAN.names or () if name not in (*_WORD_COLUMNS, "hash", "arrival", "next")]
"""What is held of a span in terms that do not depend on this process."""
_SEED = np.uint64(int.from_bytes(os.urandom(8), "little"))
"""Nobody can send ids that share a slot. It decides places in memory, and nothing else."""


Rows = npt.NDArray[np.void]
"""Rows of `pairing.SPAN` or `pairing.EDGE`."""


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
        return int(self._ring["arrived"][int(self._state[pairing.OLDEST])]) + self._wait

    def feed(self, facts: SpanFacts) -> pa.RecordBatch:
        """Rows of the edges that are complete with this window; what expires does so at its end."""
        return self._rows(facts.batch, self._take(facts))

    def rebuild(self, facts: SpanFacts) -> None:
        """The same without rows."""
        self._take(facts)

    def waiting(self) -> list[tuple[list[str | None], list[object]]]:
        """What is held, oldest first, in terms that do not depend on this process: for tests."""
        held = self._ring[self._places()]
        held = held[held["state"] != pairing.GONE]
        words = zip(*(held[name].tolist() for name in _WORD_COLUMNS), strict=True)
        texts = [[self._words[word] if word >= 0 else None for word in row] for row in words]
        rest = zip(*(held[name].tolist() for name in _HELD_COLUMNS), strict=True)
        return list(zip(texts, map(list, rest), strict=True))

    def _take(self, facts: SpanFacts) -> Rows:
        self._forget_words()
        spans, at_once = self._spans(facts)
        self._fit(len(spans))
        edges = np.empty(len(spans) + self.open, pairing.EDGE)
        parts = (self._ring, self._heads, self._state, edges)
        pairing.hash_keys(spans, _SEED)
        found = pairing.pair(spans, self._wait, self._most, *parts)
        self._log_ms = max(self._log_ms, facts.batch.window.end_log_ms)
        found = pairing.expire(self._log_ms, self._wait, *parts, found)
        return np.concatenate([edges[:found], at_once])

    def _spans(self, facts: SpanFacts) -> tuple[Rows, Rows]:
        """Spans to be paired, in the order of the log; edges of those that cannot be, and say enough."""
        numbers = self._words.numbers
        described = describe(facts, numbers(facts.batch.tenants), numbers(facts.services.to_pylist()))
        self._name_peers(facts, described)
        spans = described.spans
        single = spans[~described.identified]
        named = single["peer"] >= 0
        self._unmet += int(np.count_nonzero(~named))
        edges = np.empty(int(np.count_nonzero(named)), pairing.EDGE)
        pairing.lone(single[named], edges)
        return spans if not len(single) else spans[described.identified], edges

    def _name_peers(self, facts: SpanFacts, described: Described) -> None:
        """Put in what the other side is called where it sends no spans."""
        scan, spans = facts.batch.scan, described.spans
        served = described.root & (spans["kind"] == SERVER)
        if served.any():
            spans["peer"][served] = self._words.numbers([USER])[0]
        asked = np.flatnonzero(described.asked)
        peers = peers_of(scan, described.rows[asked], spans["kind"][asked].astype(np.int64))
        spans["unpaired"][asked] = peers.connection
        named = np.flatnonzero(peers.named_by >= 0)
        texts = scan.attributes.of_rows("value", peers.named_by[named])
        number, first = distinct(texts)
        known = self._words.numbers(text.decode() for text in texts.take(first))
        spans["peer"][asked[named]] = known[number]

    def _fit(self, more: int) -> None:
        """Make room in the ring for this many spans more; give room back that is no longer needed."""
        needed = max(_SMALLEST, 1 << (min(self._most, self.open + more) - 1).bit_length())
        if needed > len(self._ring) or needed * 8 < len(self._ring):
            ring, heads = _ring(needed)
            pairing.move(self._ring, self._state, ring, heads)
            self._ring, self._heads = ring, heads

    def _forget_words(self) -> None:
        """Forget texts that no span held uses, once there are many."""
        if len(self._words) < self._many_words:
            return
        held = self._places()
        numbers = np.array([self._ring[name][held] for name in _WORD_COLUMNS])
        used = np.unique(numbers[numbers >= 0])
        moved = self._words.keep(used.tolist())
        for name, column in zip(_WORD_COLUMNS, numbers, strict=True):
            self._ring[name][held] = np.where(column >= 0, moved[column], -1)
        self._many_words = max(_MANY_WORDS, 2 * len(used))

    def _places(self) -> I64:
        """Rows of the ring in use, oldest first."""
        places: I64 = (self._state[pairing.OLDEST] + np.arange(self.open)) & (len(self._ring) - 1)
        return places

    def _rows(self, batch: Batch, edges: Rows) -> pa.RecordBatch:
        times = Groups.by(np.ascontiguousarray(edges["bucket"]))
        groups = self._folded(edges).split(edges["retention_class"], 256).split(times.of_row, max(1, len(times)))
        first = edges[groups.first]
        weight = np.ascontiguousarray(edges["weight"])
        columns = {
            "tenant": self._named(first["tenant"]),
            "class": pa.array(first["retention_class"].astype(np.uint8)),
            "day": pa.array(np.full(len(first), batch.window.day, np.int32)).cast(pa.date32()),
            "time": bucket_times(first["bucket"]),
            "client": self._named(first["client"]),
            "server": self._named(first["server"]),
            "connection": words(first["connection"], CONNECTIONS),
            "virtual": words(first["virtual"], VIRTUAL),
            "requests": pa.array(groups.sums(weight)),
            "errors": pa.array(groups.sums(weight * edges["failed"])),
        }
        for side in ("client", "server"):
            taken = np.ascontiguousarray(edges[f"{side}_ns"])
            present = taken >= 0
            columns[f"{side}_duration_ns"] = pa.array(groups.sums(np.where(present, taken * weight, 0.0)))
            found = groups.histograms(taken, weight, present)
            columns[f"{side}_buckets"], columns[f"{side}_counts"] = found
        return rows_of(SERVICE_EDGES, columns | block(batch, len(first)))

    def _alike(self, edges: Rows) -> Groups:
        """Edges of the same tenant, between the same two, of the same kind."""
        ends = Groups.by(edges["client"] * len(self._words) + edges["server"])
        kind = (edges["tenant"] * len(CONNECTIONS) + edges["connection"]) * len(VIRTUAL) + edges["virtual"]
        return ends.split(kind, max(1, len(self._words) * len(CONNECTIONS) * len(VIRTUAL)))

    def _folded(self, edges: Rows) -> Groups:
        """The same, once both ends of edges beyond a tenant's limit have been given one name."""
        alike = self._alike(edges)
        if len(alike) <= self._most_edges:
            return alike
        tenant = edges["tenant"][alike.first]
        beyond = np.zeros(len(alike), np.bool_)
        for each in np.unique(tenant).tolist():
            beyond[np.flatnonzero(tenant == each)[self._most_edges :]] = True
        folded = np.flatnonzero(beyond[alike.of_row])
        for end in ("client", "server"):
            edges[end][folded] = self._words.numbers([OVERFLOW])[0]
        return self._alike(edges)

    def _named(self, numbers: I64) -> pa.Array:
        used = Groups.by(np.ascontiguousarray(numbers))  # in the order of the log: their numbers mean nothing
        return words(used.of_row, self._words.texts(numbers[used.first].tolist()))


def _ring(capacity: int) -> tuple[Rows, npt.NDArray[np.int32]]:
    """An empty ring, and the heads of its chains."""
    return np.zeros(capacity, pairing.SPAN), np.full(2 * capacity, -1, np.int32)
