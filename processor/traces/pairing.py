"""Kernels that pair spans of clients with those of servers.

A span waits in a ring, oldest first, and in a chain of those whose keys share a slot, latest first. A client's span
waits until it expires, whatever it was paired with: each server's span that names it as parent is a request of its own
(a message may have several consumers). A server's span waits only while no client's does. Of clients' spans with the
same id the latest counts. Whom a span meets depends on the spans of the last `wait` milliseconds and `most` arrivals
alone, never on when those that expired are taken out; so state can be rebuilt from the log.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, njit, types

from processor.traces.facts import CLIENT, CONSUMER, PRODUCER
from processor.traces.groups import scattered
from processor.traces.peers import CALL, MESSAGING
from schema.loads import address, prefetch

SPAN = np.dtype(
    [
        ("trace_1", np.int64),
        ("trace_2", np.int64),
        ("span", np.int64),
        ("arrived", np.int64),
        ("duration", np.int64),
        ("weight", np.float64),
        ("arrival", np.int64),
        ("tenant", np.int32),
        ("service", np.int32),
        ("peer", np.int32),
        ("bucket", np.int32),
        ("hash", np.uint32),
        ("next", np.int32),
        ("retention_class", np.uint8),
        ("kind", np.uint8),
        ("failed", np.uint8),
        ("unpaired", np.uint8),
        ("state", np.uint8),
    ],
    align=True,
)
"""A span, as it comes and as it waits. `span`: the client's span id on either side; `arrived`: log time in
milliseconds; `tenant`, `service`, `peer`: words, -1 for no peer; `unpaired`: kind of connection if the other side is
not found. Once it waits: `arrival`, its place in the order of arrival, and `next`, the row of its slot's next span."""
GONE, WAITING, MET = 0, 1, 2

EDGE = np.dtype(
    [
        *(
            (name, np.int64)
            for name in ("tenant", "retention_class", "bucket", "client", "server", "connection", "virtual", "failed")
        ),
        ("weight", np.float64),
        ("client_ns", np.int64),
        ("server_ns", np.int64),
    ]
)
"""An edge. A duration is -1 where that side sent no span."""
VIRTUAL_NONE, VIRTUAL_CLIENT, VIRTUAL_SERVER = 0, 1, 2

# What is kept beside the ring.
OLDEST, COUNT, ARRIVALS, UNMET, EVICTED = range(5)
STATE_COLUMNS = 5

_SPAN_BYTES = SPAN.itemsize

_AHEAD = 8
"""How many spans ahead memory is asked for: a slot and the span in it are anywhere."""

_SPANS, _EDGES = (types.Array(from_dtype(each), 1, "C") for each in (SPAN, EDGE))
_I32, _I64 = types.Array(types.int32, 1, "C"), types.Array(types.int64, 1, "C")
_ROW, _SEED = types.int64, types.uint64


@njit(types.void(_SPANS, _SEED), nogil=True, cache=True)
def hash_keys(spans, seed):
    """Fill in `hash`; `seed` is secret, so that nobody can choose ids that share a slot."""
    for row in range(len(spans)):
        key = scattered(np.uint64(spans[row].trace_1) ^ seed)
        key = scattered(key ^ np.uint64(spans[row].trace_2))
        spans[row].hash = np.uint32(scattered(key ^ np.uint64(spans[row].span)))


@njit(nogil=True, cache=True)
def _slot(span, heads):
    return np.int64(span.hash) & (len(heads) - 1)


@njit(nogil=True, cache=True)
def _is_client(span):
    return span.kind == CLIENT or span.kind == PRODUCER


@njit(nogil=True, cache=True)
def _paired(span):
    """Kind of connection if the other side is found."""
    return MESSAGING if span.kind == PRODUCER or span.kind == CONSUMER else CALL


@njit(types.void(_SPANS, _I32, _ROW), nogil=True, cache=True)
def _link(ring, heads, at):
    slot = _slot(ring[at], heads)
    ring[at].next = heads[slot]
    heads[slot] = at


@njit(types.void(_SPANS, _I32, _ROW), nogil=True, cache=True)
def _unlink(ring, heads, at):
    slot = _slot(ring[at], heads)
    after = ring[at].next
    if heads[slot] == at:
        heads[slot] = after
    else:
        before = np.int64(heads[slot])
        while ring[before].next != at:
            before = np.int64(ring[before].next)
        ring[before].next = after
    ring[at].state = GONE


@njit(types.void(_SPANS, _ROW, _SPANS, _ROW, _EDGES, _ROW), nogil=True, cache=True)
def _meet(clients, i, servers, j, edges, at):
    """An edge of a client's span and a server's."""
    client, server, edge = clients[i], servers[j], edges[at]
    edge.tenant = client.tenant
    edge.retention_class = client.retention_class
    edge.bucket = client.bucket
    edge.client = client.service
    edge.server = server.service
    edge.connection = max(_paired(client), _paired(server))
    edge.virtual = VIRTUAL_NONE
    edge.failed = client.failed | server.failed
    edge.weight = max(client.weight, server.weight)
    edge.client_ns = client.duration
    edge.server_ns = server.duration


@njit(types.void(_SPANS, _ROW, _EDGES, _ROW), nogil=True, cache=True)
def _alone(spans, row, edges, at):
    """An edge of one span and the other side that it names."""
    span, edge = spans[row], edges[at]
    client = _is_client(span)
    edge.tenant = span.tenant
    edge.retention_class = span.retention_class
    edge.bucket = span.bucket
    edge.client = span.service if client else span.peer
    edge.server = span.peer if client else span.service
    edge.connection = span.unpaired
    edge.virtual = VIRTUAL_SERVER if client else VIRTUAL_CLIENT
    edge.failed = span.failed
    edge.weight = span.weight
    edge.client_ns = span.duration if client else -1
    edge.server_ns = -1 if client else span.duration


@njit(types.int64(_SPANS, _I32, _I64, _EDGES, types.int64), nogil=True, cache=True)
def _retire(ring, heads, state, edges, found):
    """Take the oldest span out of the ring -> edges found so far."""
    at = state[OLDEST]
    ahead = (at + _AHEAD) & (len(ring) - 1)
    prefetch(address(heads), 4 * _slot(ring[ahead], heads))
    was = ring[at].state
    if was != GONE:
        _unlink(ring, heads, at)
    if was == WAITING:
        if ring[at].peer >= 0:
            _alone(ring, at, edges, found)
            found += 1
        else:
            state[UNMET] += 1
    state[OLDEST] = (at + 1) & (len(ring) - 1)
    state[COUNT] -= 1
    return found


@njit(types.int64(_SPANS, _I32, types.bool_, types.int64, _SPANS, _ROW), nogil=True, cache=True)
def _waiting(ring, heads, client, wait, spans, row):
    """The latest span on this side with the key of spans[row] that has not expired; -1 if there is none."""
    span = spans[row]
    at = np.int64(heads[_slot(span, heads)])
    while at >= 0:
        held = ring[at]
        if (
            held.span == span.span
            and held.trace_1 == span.trace_1
            and held.trace_2 == span.trace_2
            and held.tenant == span.tenant
            and _is_client(held) == client
        ):
            return at if held.arrived + wait > span.arrived else np.int64(-1)
        at = np.int64(held.next)
    return np.int64(-1)


@njit(types.void(_SPANS, _I32, _I64, _SPANS, _ROW, types.uint8), nogil=True, cache=True)
def _put(ring, heads, state, spans, row, was):
    at = (state[OLDEST] + state[COUNT]) & (len(ring) - 1)
    ring[at] = spans[row]
    ring[at].arrival, ring[at].state = state[ARRIVALS], was
    _link(ring, heads, at)
    state[COUNT] += 1


@njit(types.int64(_SPANS, types.int64, types.int64, _SPANS, _I32, _I64, _EDGES), nogil=True, cache=True)
def pair(spans, wait, most, ring, heads, state, edges):
    """Take spans in the order of the log -> edges found. The ring has room for all, or for `most`.

    `edges` has room for as many as the spans and those that wait.
    """
    found = np.int64(0)
    at_heads, at_ring = address(heads), address(ring)
    for row in range(len(spans)):
        if row + 2 * _AHEAD < len(spans):
            prefetch(at_heads, 4 * _slot(spans[row + 2 * _AHEAD], heads))
            prefetch(at_ring, _SPAN_BYTES * np.int64(heads[_slot(spans[row + _AHEAD], heads)]))
        while state[COUNT] > 0 and ring[state[OLDEST]].arrival <= state[ARRIVALS] - most:
            oldest = ring[state[OLDEST]]
            if oldest.state != GONE and oldest.arrived + wait > spans[row].arrived:
                state[EVICTED] += 1
            found = _retire(ring, heads, state, edges, found)
        other = _waiting(ring, heads, True, wait, spans, row)
        if not _is_client(spans[row]):
            if other >= 0:
                ring[other].state = MET
                _meet(ring, other, spans, row, edges, found)
                found += 1
            else:
                _put(ring, heads, state, spans, row, WAITING)
        else:
            if other >= 0:
                _unlink(ring, heads, other)
            was = WAITING
            other = _waiting(ring, heads, False, wait, spans, row)
            while other >= 0:
                _meet(spans, row, ring, other, edges, found)
                found += 1
                was = MET
                _unlink(ring, heads, other)
                other = _waiting(ring, heads, False, wait, spans, row)
            _put(ring, heads, state, spans, row, was)
        state[ARRIVALS] += 1
    return found


@njit(types.int64(types.int64, types.int64, _SPANS, _I32, _I64, _EDGES, types.int64), nogil=True, cache=True)
def expire(now, wait, ring, heads, state, edges, found):
    """Take out all that arrived `wait` before `now` -> edges found so far."""
    while state[COUNT] > 0 and ring[state[OLDEST]].arrived + wait <= now:
        found = _retire(ring, heads, state, edges, found)
    return found


@njit(types.void(_SPANS, _I64, _SPANS, _I32), nogil=True, cache=True)
def move(ring, state, larger, heads):
    """Into a ring of another size, whose `heads` are -1, oldest first."""
    for place in range(state[COUNT]):
        larger[place] = ring[(state[OLDEST] + place) & (len(ring) - 1)]
        if larger[place].state != GONE:
            _link(larger, heads, place)
    state[OLDEST] = 0


@njit(types.void(_SPANS, _EDGES), nogil=True, cache=True)
def lone(spans, edges):
    """An edge for each span, to the other side that it names."""
    for row in range(len(spans)):
        _alone(spans, row, edges, row)
