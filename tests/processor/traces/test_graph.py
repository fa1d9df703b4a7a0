"""Who asked whom: cases by hand, beside a plain account of the same spans, and after restarts anywhere."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest

from otelhouse.bus.contract import Record
from processor.traces.cardinality import OVERFLOW
from processor.traces.facts import SpanFacts
from processor.traces.graph import MOST_WAITING, WAIT_MS, ServiceGraph
from tests.processor.traces.made import (
    CLIENT,
    CONSUMER,
    ERROR,
    INTERNAL,
    PRODUCER,
    SERVER,
    T0,
    Made,
    bucket,
    facts,
    plain,
    record_of,
)

Edge = tuple[Any, ...]
EDGE = ("client", "server", "connection", "virtual", "requests", "errors")
ASK = Made("web", CLIENT, id=5, name="call")
SERVE = Made("shop", SERVER, id=6, parent=5)


def fed(graph: ServiceGraph, *records: Record, log_ms: int = 0) -> list[Edge]:
    return plain(graph.feed(facts(records, log_ms=log_ms)), *EDGE)


def edges(*spans: Made) -> list[Edge]:
    """Of spans that come together, after all have waited."""
    return fed(ServiceGraph(), record_of(0, *spans), log_ms=WAIT_MS)


@pytest.mark.parametrize("spans", [(ASK, SERVE), (SERVE, ASK)], ids=["client first", "server first"])
def test_a_request_is_a_clients_span_and_a_servers_whichever_comes_first(spans: Sequence[Made]) -> None:
    assert edges(*spans) == [("web", "shop", "", "", 1.0, 0.0)]
    graph = ServiceGraph()
    assert fed(graph, record_of(0, spans[0])) == []
    assert fed(graph, record_of(1, spans[1], append_ms=WAIT_MS - 1)) == [("web", "shop", "", "", 1.0, 0.0)]
    assert fed(graph, record_of(2, Made(kind=INTERNAL), append_ms=3 * WAIT_MS)) == []
    assert (graph.open, graph.unmet, graph.evicted) == (0, 0, 0)


@pytest.mark.parametrize("spans", [(ASK, SERVE), (SERVE, ASK)], ids=["client first", "server first"])
def test_who_comes_too_late_meets_nobody(spans: Sequence[Made]) -> None:
    graph = ServiceGraph()
    # Even in the same window, whose end alone would not have parted them.
    assert fed(graph, record_of(0, spans[0]), record_of(1, spans[1], append_ms=WAIT_MS), log_ms=2 * WAIT_MS) == []
    assert (graph.open, graph.unmet) == (0, 2)


@pytest.mark.parametrize(("asked", "served", "errors"), [(0, 0, 0), (ERROR, 0, 1), (0, ERROR, 1), (ERROR, ERROR, 1)])
def test_a_request_failed_if_either_side_says_so(asked: int, served: int, errors: float) -> None:
    (edge,) = edges(replace(ASK, status=asked), replace(SERVE, status=served))
    assert edge[-1] == errors


@pytest.mark.parametrize(
    ("asked", "served", "connection"),
    [
        (CLIENT, SERVER, ""),
        (PRODUCER, CONSUMER, "messaging_system"),
        (PRODUCER, SERVER, "messaging_system"),
        (CLIENT, CONSUMER, "messaging_system"),
    ],
)
def test_producers_and_consumers_are_connected_by_messages(asked: int, served: int, connection: str) -> None:
    assert edges(replace(ASK, kind=asked), replace(SERVE, kind=served)) == [("web", "shop", connection, "", 1.0, 0.0)]


PEERS = [
    ({"peer.service": "bank"}, CLIENT, "bank", "virtual_node"),
    ({"peer.service": "bank", "service.peer.name": "Bank"}, CLIENT, "Bank", "virtual_node"),
    ({"server.address": "api.bank.example"}, CLIENT, "api.bank.example", "virtual_node"),
    ({"net.peer.name": "old.example"}, CLIENT, "old.example", "virtual_node"),
    ({"network.peer.address": "10.0.0.1", "server.address": "db"}, CLIENT, "db", "virtual_node"),
    ({"db.name": "orders", "db.system": "postgresql"}, CLIENT, "orders", "database"),
    ({"db.namespace": "orders", "db.name": "old"}, CLIENT, "orders", "database"),
    ({"db.system.name": "postgresql", "server.address": "10.0.0.1"}, CLIENT, "postgresql", "database"),
    ({"db.system": "redis", "peer.service": "cache"}, CLIENT, "cache", "database"),
    ({"messaging.system": "kafka"}, PRODUCER, "kafka", "messaging_system"),
    ({"messaging.system": "kafka"}, CLIENT, "kafka", "messaging_system"),
    ({"messaging.system": "kafka", "peer.service": "queue"}, PRODUCER, "queue", "messaging_system"),
    ({"server.address": "broker"}, PRODUCER, "broker", "messaging_system"),
    ({"peer.service": "", "server.address": "x"}, CLIENT, "x", "virtual_node"),
    ({"peer.service": 7, "server.address": "x"}, CLIENT, "x", "virtual_node"),
]


@pytest.mark.parametrize(("attributes", "kind", "server", "connection"), PEERS)
def test_a_client_whose_server_sends_nothing_asks_whom_it_names(
    attributes: dict[str, Any], kind: int, server: str, connection: str
) -> None:
    ask = replace(ASK, kind=kind, attributes=attributes)
    assert edges(ask) == [("web", server, connection, "server", 1.0, 0.0)]
    # As it is called goes for nothing where the other side says who it is.
    assert [edge[1] for edge in edges(ask, SERVE)] == ["shop"]


@pytest.mark.parametrize(
    ("span", "client", "connection"),
    [
        (Made("shop", SERVER), "user", "virtual_node"),
        (Made("shop", CONSUMER, attributes={"messaging.system": "kafka"}), "kafka", "messaging_system"),
    ],
)
def test_who_serves_without_a_parent_was_asked_from_outside_at_once(span: Made, client: str, connection: str) -> None:
    assert fed(ServiceGraph(), record_of(0, span)) == [(client, "shop", connection, "client", 1.0, 0.0)]


@pytest.mark.parametrize("span", [ASK, SERVE, Made(kind=CONSUMER), replace(SERVE, trace=0), replace(ASK, id=0)])
def test_a_span_that_says_nothing_of_the_other_side_is_counted(span: Made) -> None:
    graph = ServiceGraph()
    assert fed(graph, record_of(0, span), log_ms=WAIT_MS) == []
    assert graph.unmet == 1


def test_a_client_without_an_id_still_asks_whom_it_names() -> None:
    ask = replace(ASK, id=0, attributes={"peer.service": "bank"})
    assert edges(ask, replace(SERVE, parent=0)) == [
        ("web", "bank", "virtual_node", "server", 1.0, 0.0),
        ("user", "shop", "virtual_node", "client", 1.0, 0.0),
    ]


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_message_is_a_request_to_each_of_its_consumers(first: int) -> None:
    consumers = [Made(f"c{n}", CONSUMER, id=10 + n, parent=5) for n in range(2)]
    consumers.insert(first, replace(ASK, kind=PRODUCER))
    assert sorted(edge[:3] for edge in edges(*consumers)) == [
        ("web", "c0", "messaging_system"), ("web", "c1", "messaging_system")]  # fmt: skip


def test_of_clients_with_one_id_the_latest_counts() -> None:
    again = replace(ASK, service="web2", attributes={"peer.service": "bank"})
    assert edges(ASK, again, SERVE) == [("web2", "shop", "", "", 1.0, 0.0)]
    assert edges(again, replace(again, service="web")) == [("web", "bank", "virtual_node", "server", 1.0, 0.0)]


@pytest.mark.parametrize("other", [replace(SERVE, trace=2), replace(SERVE, parent=4)])
def test_other_traces_and_spans_are_strangers(other: Made) -> None:
    assert edges(ASK, other) == []


def test_other_tenants_are_strangers() -> None:
    assert fed(ServiceGraph(), record_of(0, ASK), record_of(1, SERVE, tenant="blue"), log_ms=WAIT_MS) == []


def test_a_request_counts_for_those_of_the_side_that_stands_for_more() -> None:
    (edge,) = edges(replace(ASK, state="ot=th:8"), replace(SERVE, state="ot=th:c", status=ERROR))
    assert edge[-2:] == (4.0, 4.0)


def test_rows_tell_durations_of_both_sides_at_the_clients_time() -> None:
    spans = []
    for n in range(3):
        spans.append(replace(ASK, trace=n + 1, start=n * 5_000_000_000, duration=2_000))
        spans.append(replace(SERVE, trace=n + 1, start=30_000_000_000, duration=1_000 if n else 900))
    records = [record_of(0, *spans, retention_class=3)]
    found = ServiceGraph().feed(facts(records))
    names = ("class", "time", "requests", "client_duration_ns", "client_buckets", "client_counts")
    rows = [(kept, int(time.timestamp()) - T0 // 10**9, *rest) for kept, time, *rest in plain(found, *names)]
    assert rows == [(3, 0, 2.0, 4e3, [bucket(2_000)], [2.0]), (3, 10, 1.0, 2e3, [bucket(2_000)], [1.0])]
    assert plain(found, "server_duration_ns", "server_buckets", "server_counts") == [
        (1_900.0, [bucket(900), bucket(1_000)], [1.0, 1.0]), (1_000.0, [bucket(1_000)], [1.0])]  # fmt: skip


def test_a_side_that_sent_nothing_has_no_durations() -> None:
    found = ServiceGraph().feed(facts([record_of(0, Made("shop", SERVER))]))
    assert plain(found, "client_duration_ns", "client_buckets", "client_counts", "server_counts") == [
        (0.0, [], [], [1.0])]  # fmt: skip


def test_of_more_than_may_wait_the_oldest_go_before_their_time() -> None:
    graph = ServiceGraph(most_waiting=4)
    asks = [replace(ASK, trace=n, attributes={"peer.service": f"p{n}"}) for n in range(1, 8)]
    assert [edge[1] for edge in fed(graph, record_of(0, *asks))] == ["p1", "p2", "p3"]
    assert (graph.open, graph.evicted) == (4, 3)
    assert fed(graph, record_of(1, *(replace(SERVE, trace=n) for n in (4, 3)))) == [("web", "p4", "virtual_node", "server", 1.0, 0.0), ("web", "p5", "virtual_node", "server", 1.0, 0.0)]  # fmt: skip # noqa: E501


def test_texts_that_nothing_uses_any_longer_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.traces.graph._MANY_WORDS", 50)
    graph, seen = ServiceGraph(), []
    for n in range(40):
        asks = [replace(ASK, trace=n * 10 + k + 1, attributes={"peer.service": f"p{n * 10 + k}"}) for k in range(10)]
        seen += fed(graph, record_of(n, *asks, append_ms=n * 5_000))
    assert [edge[1] for edge in seen] == [f"p{n}" for n in range(380)]
    assert len(graph._words) < 150


def test_windows_without_spans_let_time_pass() -> None:
    graph = ServiceGraph()
    fed(graph, record_of(0, replace(ASK, attributes={"peer.service": "bank"})))
    assert graph.feed(facts([record_of(1, append_ms=WAIT_MS - 1)])).num_rows == 0
    found = graph.feed(facts([], since_ms=WAIT_MS))
    assert plain(found, *EDGE) == [("web", "bank", "virtual_node", "server", 1.0, 0.0)]


def test_edges_beyond_a_tenants_limit_in_a_window_are_counted_together() -> None:
    asks = [replace(ASK, id=n, attributes={"peer.service": f"p{n % 4}"}, status=ERROR) for n in range(1, 9)]
    graph = ServiceGraph(most_edges=2)
    records = [
        record_of(0, *asks, replace(ASK, id=20, attributes={"db.name": "p1"})),
        record_of(1, asks[0], tenant="b"),
    ]
    assert fed(graph, *records, log_ms=WAIT_MS) == [
        ("web", "p1", "virtual_node", "server", 2.0, 2.0),
        ("web", "p2", "virtual_node", "server", 2.0, 2.0),
        (OVERFLOW, OVERFLOW, "virtual_node", "server", 4.0, 4.0),
        (OVERFLOW, OVERFLOW, "database", "server", 1.0, 0.0),
        ("web", "p1", "virtual_node", "server", 1.0, 1.0),
    ]
    assert fed(graph, record_of(2, asks[3]), log_ms=3 * WAIT_MS)[0][1] == "p0"


# Random logs: few ids, so that spans meet, repeat, and come late.


def made_at_random(rng: random.Random, count: int) -> tuple[list[Record], list[list[Made]]]:
    """Records, and the spans in each."""
    now, records, spans = 1_000_000, [], []
    for offset in range(count):
        now += rng.choice((0, 10, 500, 3_000))
        spans.append([_span(rng, offset) for _ in range(rng.randint(0, 6))])
        # Brokers' clocks may step back.
        late = rng.choice((0, 0, 0, 700))
        records.append(record_of(offset, *spans[-1], tenant=rng.choice(("a", "b")), append_ms=now - late))
    return records, spans


def _span(rng: random.Random, offset: int) -> Made:
    kind = rng.choice((INTERNAL, SERVER, SERVER, CLIENT, CLIENT, CLIENT, PRODUCER, CONSUMER))
    return Made(
        service=rng.choice("xyz"),
        kind=kind,
        trace=max(0, offset // 4 + rng.randint(0, 3)),
        id=rng.randint(0, 4),
        parent=rng.randint(0, 4),
        start=rng.randrange(3) * 10_000_000_000,
        duration=rng.randrange(1, 10**9),
        status=rng.choice((0, 0, ERROR)),
        state=rng.choice(("", "", "ot=th:8")),
        attributes=rng.choice(({}, {"peer.service": "bank"}, {"db.name": "orders"}, {"messaging.system": "kafka"})),
    )


@dataclass
class Held:
    span: Made
    tenant: str
    log_ms: int
    arrival: int
    client: bool
    state: str = "waiting"


CLIENTS, SERVERS = (CLIENT, PRODUCER), (SERVER, CONSUMER)


class Account:
    """The same rules, one span after the other, in lists that are searched from end to end."""

    def __init__(self, most: int) -> None:
        self.most, self.arrivals = most, 0
        self.held: list[Held] = []
        self.edges: Counter[Edge] = Counter()
        self.unmet = 0

    def take(self, span: Made, tenant: str, now: int) -> None:
        if span.kind not in CLIENTS + SERVERS:
            return
        client = span.kind in CLIENTS
        key = span.id if client else span.parent
        if not span.trace or not key:
            self.leave(span, tenant, client)
            return
        self.expire(lambda each: each.arrival <= self.arrivals - self.most)
        alike = [
            each
            for each in self.held
            if each.tenant == tenant
            and each.span.trace == span.trace
            and (each.span.id if each.client else each.span.parent) == key
            and each.log_ms + WAIT_MS > now
        ]
        new = Held(span, tenant, now, self.arrivals, client)
        self.arrivals += 1
        asking = [each for each in alike if each.client and each.state != "gone"]
        if not client:
            if asking:
                asking[-1].state = "met"
                self.meet(asking[-1].span, span, tenant)
                return
        else:
            for each in asking:
                each.state = "gone"
            for each in alike:
                if not each.client and each.state == "waiting":
                    each.state, new.state = "gone", "met"
                    self.meet(span, each.span, tenant)
        self.held.append(new)

    def meet(self, ask: Made, serve: Made, tenant: str) -> None:
        messages = ask.kind == PRODUCER or serve.kind == CONSUMER
        failed = ERROR in (ask.status, serve.status)
        place = (tenant, ask.start // 10**10, ask.service, serve.service, "messaging_system" if messages else "", "")
        self.add(place, max(_weight(ask), _weight(serve)), failed, ask.duration, serve.duration)

    def leave(self, span: Made, tenant: str, client: bool) -> None:
        peer, connection = _peer(span)
        if not client:
            root = not span.parent
            peer = ("user" if span.kind == SERVER else peer) if root else None
            connection = "virtual_node" if span.kind == SERVER else "messaging_system"
        if peer is None:
            self.unmet += 1
            return
        ends = (span.service, peer) if client else (peer, span.service)
        place = (tenant, span.start // 10**10, *ends, connection, "server" if client else "client")
        durations = (span.duration, None) if client else (None, span.duration)
        self.add(place, _weight(span), span.status == ERROR, *durations)

    def add(self, place: Edge, weight: float, failed: bool, asked: int | None, served: int | None) -> None:
        self.edges[(*place, "requests")] += weight  # type: ignore[assignment] # a Counter of floats
        self.edges[(*place, "errors")] += weight * failed  # type: ignore[assignment] # the same
        for side, duration in (("client", asked), ("server", served)):
            if duration is not None:
                self.edges[(*place, side, bucket(duration))] += weight  # type: ignore[assignment] # the same
                self.edges[(*place, side)] += weight * duration  # type: ignore[assignment] # the same

    def expire(self, due: Any) -> None:
        for each in [each for each in self.held if due(each)]:
            self.held.remove(each)
            if each.state == "waiting":
                self.leave(each.span, each.tenant, each.client)

    def end(self, now: int) -> dict[Edge, float]:
        """The edges of a window that ends now."""
        self.expire(lambda each: each.log_ms + WAIT_MS <= now)
        found, self.edges = dict(self.edges), Counter()
        return {key: value for key, value in found.items() if value}


def _weight(span: Made) -> float:
    return 2.0 if span.state else 1.0


def _peer(span: Made) -> tuple[str | None, str]:
    said = span.attributes
    name = next((str(each) for each in said.values()), None)
    if span.kind in (PRODUCER, CONSUMER):
        return (None if "db.name" in said else name), "messaging_system"
    kinds = {"peer.service": "virtual_node", "db.name": "database", "messaging.system": "messaging_system"}
    return name, kinds.get(next(iter(said), ""), "virtual_node")


def told(rows: pa.RecordBatch) -> dict[Edge, float]:
    found: dict[Edge, float] = {}
    names = ("tenant", "time", "client", "server", "connection", "virtual")
    sides = [f"{side}_{part}" for side in ("client", "server") for part in ("duration_ns", "buckets", "counts")]
    for row in plain(rows, *names, "requests", "errors", *sides):
        tenant, time, *ends = row[:6]
        requests, errors, *both = row[6:]
        place = (tenant, int(time.timestamp()) // 10 - T0 // 10**10, *ends)
        assert (*place, "requests") not in found
        found |= {(*place, "requests"): requests, (*place, "errors"): errors}
        for side, (duration, buckets, counts) in (("client", both[:3]), ("server", both[3:])):
            assert buckets == sorted(set(buckets))
            found |= {(*place, side, each): count for each, count in zip(buckets, counts, strict=True)}
            found[(*place, side)] = duration
    return {key: value for key, value in found.items() if value}


def windows(records: Sequence[Record], rng: random.Random) -> list[list[Record]]:
    """The records, cut anywhere."""
    cuts = [0, *sorted(rng.sample(range(1, len(records)), min(len(records) - 1, rng.randint(0, 12)))), len(records)]
    return [list(records[a:b]) for a, b in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(8))
def test_edges_are_what_an_account_span_by_span_says(seed: int) -> None:
    rng = random.Random(seed)
    records, spans = made_at_random(rng, 80)
    most = rng.choice((5, 12, MOST_WAITING))
    graph, account, now = ServiceGraph(most_waiting=most), Account(most), 0
    for window in windows(records, rng):
        since = now
        for each in window:
            now = max(now, each.append_ms)
            for span in spans[each.offset]:
                account.take(span, dict(each.headers)["tenant"].decode(), now)
        end = now = now + rng.choice((0, 0, 4_000))
        assert told(graph.feed(facts(window, log_ms=end, since_ms=since))) == pytest.approx(account.end(end))
    assert graph.unmet == account.unmet
    assert account.unmet


@pytest.mark.parametrize("seed", range(12))
def test_a_new_graph_fed_since_twice_the_wait_is_the_same(seed: int) -> None:
    rng = random.Random(seed)
    most = rng.choice((3, 10, 30, MOST_WAITING))
    records, _ = made_at_random(rng, 150)
    at = rng.randint(60, 149)
    whole, again = ServiceGraph(most_waiting=most), ServiceGraph(most_waiting=most)
    for window in windows(records[:at], rng):
        whole.feed(_facts(records, window))
    since = next(each.offset for each in records if _log_ms(records, each.offset) > whole.open_since_ms)
    assert 0 < since < at
    start = rng.randint(0, since)
    for window in windows(records[start:at], rng):
        again.rebuild(_facts(records, window))
    assert again.waiting() == whole.waiting()
    for window in windows(records[at:], rng):
        found = _facts(records, window)
        assert again.feed(found).equals(whole.feed(found))


def _facts(records: Sequence[Record], window: Sequence[Record]) -> SpanFacts:
    return facts(window, since_ms=_log_ms(records, window[0].offset))


def _log_ms(records: Sequence[Record], offset: int) -> int:
    return max(each.append_ms for each in records[: offset + 1])
