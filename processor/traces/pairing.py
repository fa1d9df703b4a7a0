"""Kernels that pair spans of clients with those of servers. Everything is a row of integers.

A span waits in a ring, oldest first, and in a chain of those whose keys share a slot. A client's span waits until it
expires, whatever it was paired with: each server's span that names it as parent is a request of its own (a message may
have several consumers). A server's span waits only while no client's does. Of clients' spans with the same id the
latest counts. Whom a span meets depends on the spans of the last `wait` milliseconds and `most` arrivals alone, never
on when those that expired are taken out; so state can be rebuilt from the log.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from processor.traces.groups import scattered

# Columns of a span: as it comes and as it waits.
(TRACE_1, TRACE_2, SPAN, TENANT, SIDE, ARRIVED, SERVICE, PEER, PAIRED, UNPAIRED, CLASS, BUCKET, DURATION, FAILED,
 WEIGHT) = range(15)  # fmt: skip
# SPAN is the client's span id on either side. PEER: a word, -1 for none. PAIRED, UNPAIRED: kind of connection if the
# other side is found, and if not. WEIGHT: the bits of a float64, which order as it does.
SPAN_COLUMNS = 15
# More of a span that waits: its place in the order of arrival, its state, its slot's next and previous span.
ARRIVAL, STATE, NEXT, BEFORE = range(15, 19)
RING_COLUMNS = 19
GONE, WAITING, MET = 0, 1, 2

CLIENT_SIDE, SERVER_SIDE = 0, 1

# Columns of an edge. A duration is -1 where that side sent no span.
(E_TENANT, E_CLASS, E_BUCKET, E_CLIENT, E_SERVER, E_CONNECTION, E_VIRTUAL, E_FAILED, E_WEIGHT, E_CLIENT_NS,
 E_SERVER_NS) = range(11)  # fmt: skip
EDGE_COLUMNS = 11
VIRTUAL_NONE, VIRTUAL_CLIENT, VIRTUAL_SERVER = 0, 1, 2

# What is kept beside the ring.
OLDEST, COUNT, ARRIVALS, UNMET, EVICTED = range(5)
STATE_COLUMNS = 5


@njit("int64(int64[:,::1], int64, uint64, int64)", nogil=True, cache=True)
def _slot(spans, row, seed, slots):
    key = scattered(np.uint64(spans[row, TRACE_1]) ^ seed)
    key = scattered(key ^ np.uint64(spans[row, TRACE_2]))
    key = scattered(key ^ np.uint64(spans[row, SPAN]))
    return np.int64(key & np.uint64(slots - 1))


@njit("boolean(int64[:,::1], int64, int64[:,::1], int64)", nogil=True, cache=True)
def _same(left, i, right, j):
    return (
        left[i, SPAN] == right[j, SPAN]
        and left[i, TRACE_1] == right[j, TRACE_1]
        and left[i, TRACE_2] == right[j, TRACE_2]
        and left[i, TENANT] == right[j, TENANT]
    )


@njit("void(int64[:,::1], int32[:,::1], int64, uint64)", nogil=True, cache=True)
def _link(ring, heads, at, seed):
    side, slot = ring[at, SIDE], _slot(ring, at, seed, heads.shape[1])
    head = heads[side, slot]
    ring[at, NEXT], ring[at, BEFORE] = head, -1
    if head >= 0:
        ring[head, BEFORE] = at
    heads[side, slot] = at


@njit("void(int64[:,::1], int32[:,::1], int64, uint64)", nogil=True, cache=True)
def _unlink(ring, heads, at, seed):
    after, before = ring[at, NEXT], ring[at, BEFORE]
    if after >= 0:
        ring[after, BEFORE] = before
    if before >= 0:
        ring[before, NEXT] = after
    else:
        heads[ring[at, SIDE], _slot(ring, at, seed, heads.shape[1])] = after
    ring[at, STATE] = GONE


@njit("void(int64[:,::1], int64, int64[:,::1], int64, int64[:,::1], int64)", nogil=True, cache=True)
def _meet(clients, i, servers, j, edges, at):
    """An edge of a client's span and a server's."""
    edges[at, E_TENANT] = clients[i, TENANT]
    edges[at, E_CLASS] = clients[i, CLASS]
    edges[at, E_BUCKET] = clients[i, BUCKET]
    edges[at, E_CLIENT] = clients[i, SERVICE]
    edges[at, E_SERVER] = servers[j, SERVICE]
    edges[at, E_CONNECTION] = max(clients[i, PAIRED], servers[j, PAIRED])
    edges[at, E_VIRTUAL] = VIRTUAL_NONE
    edges[at, E_FAILED] = clients[i, FAILED] | servers[j, FAILED]
    edges[at, E_WEIGHT] = max(clients[i, WEIGHT], servers[j, WEIGHT])
    edges[at, E_CLIENT_NS] = clients[i, DURATION]
    edges[at, E_SERVER_NS] = servers[j, DURATION]


@njit("void(int64[:,::1], int64, int64[:,::1], int64)", nogil=True, cache=True)
def _alone(spans, row, edges, at):
    """An edge of one span and the other side that it names."""
    client = spans[row, SIDE] == CLIENT_SIDE
    edges[at, E_TENANT] = spans[row, TENANT]
    edges[at, E_CLASS] = spans[row, CLASS]
    edges[at, E_BUCKET] = spans[row, BUCKET]
    edges[at, E_CLIENT] = spans[row, SERVICE] if client else spans[row, PEER]
    edges[at, E_SERVER] = spans[row, PEER] if client else spans[row, SERVICE]
    edges[at, E_CONNECTION] = spans[row, UNPAIRED]
    edges[at, E_VIRTUAL] = VIRTUAL_SERVER if client else VIRTUAL_CLIENT
    edges[at, E_FAILED] = spans[row, FAILED]
    edges[at, E_WEIGHT] = spans[row, WEIGHT]
    edges[at, E_CLIENT_NS] = spans[row, DURATION] if client else -1
    edges[at, E_SERVER_NS] = -1 if client else spans[row, DURATION]


@njit("int64(int64[:,::1], int32[:,::1], int64[::1], uint64, int64[:,::1], int64)", nogil=True, cache=True)
def _retire(ring, heads, state, seed, edges, found):
    """Take the oldest span out of the ring -> edges found so far."""
    at = state[OLDEST]
    was = ring[at, STATE]
    if was != GONE:
        _unlink(ring, heads, at, seed)
    if was == WAITING:
        if ring[at, PEER] >= 0:
            _alone(ring, at, edges, found)
            found += 1
        else:
            state[UNMET] += 1
    state[OLDEST] = (at + 1) & (len(ring) - 1)
    state[COUNT] -= 1
    return found


@njit("int64(int64[:,::1], int32[:,::1], int64, int64, int64[:,::1], int64, uint64)", nogil=True, cache=True)
def _waiting(ring, heads, side, wait, spans, row, seed):
    """The latest span on this side with the key of spans[row] that has not expired; -1 if there is none."""
    at = np.int64(heads[side, _slot(spans, row, seed, heads.shape[1])])
    while at >= 0:
        if _same(ring, at, spans, row):
            return at if ring[at, ARRIVED] + wait > spans[row, ARRIVED] else np.int64(-1)
        at = ring[at, NEXT]
    return np.int64(-1)


@njit("void(int64[:,::1], int32[:,::1], int64[::1], uint64, int64[:,::1], int64, int64)", nogil=True, cache=True)
def _put(ring, heads, state, seed, spans, row, was):
    at = (state[OLDEST] + state[COUNT]) & (len(ring) - 1)
    for column in range(SPAN_COLUMNS):
        ring[at, column] = spans[row, column]
    ring[at, ARRIVAL], ring[at, STATE] = state[ARRIVALS], was
    _link(ring, heads, at, seed)
    state[COUNT] += 1


@njit(
    "int64(int64[:,::1], int64, int64, uint64, int64[:,::1], int32[:,::1], int64[::1], int64[:,::1])",
    nogil=True,
    cache=True,
)
def pair(spans, wait, most, seed, ring, heads, state, edges):
    """Take spans in the order of the log -> edges found. The ring has room for all, or for `most`.

    `edges` has room for as many as the spans and those that wait.
    """
    found = np.int64(0)
    for row in range(len(spans)):
        while state[COUNT] > 0 and ring[state[OLDEST], ARRIVAL] <= state[ARRIVALS] - most:
            if ring[state[OLDEST], STATE] != GONE and ring[state[OLDEST], ARRIVED] + wait > spans[row, ARRIVED]:
                state[EVICTED] += 1
            found = _retire(ring, heads, state, seed, edges, found)
        other = _waiting(ring, heads, CLIENT_SIDE, wait, spans, row, seed)
        if spans[row, SIDE] == SERVER_SIDE:
            if other >= 0:
                ring[other, STATE] = MET
                _meet(ring, other, spans, row, edges, found)
                found += 1
            else:
                _put(ring, heads, state, seed, spans, row, WAITING)
        else:
            if other >= 0:
                _unlink(ring, heads, other, seed)
            was = WAITING
            other = _waiting(ring, heads, SERVER_SIDE, wait, spans, row, seed)
            while other >= 0:
                _meet(spans, row, ring, other, edges, found)
                found += 1
                was = MET
                _unlink(ring, heads, other, seed)
                other = _waiting(ring, heads, SERVER_SIDE, wait, spans, row, seed)
            _put(ring, heads, state, seed, spans, row, was)
        state[ARRIVALS] += 1
    return found


@njit(
    "int64(int64, int64, uint64, int64[:,::1], int32[:,::1], int64[::1], int64[:,::1], int64)", nogil=True, cache=True
)
def expire(now, wait, seed, ring, heads, state, edges, found):
    """Take out all that arrived `wait` before `now` -> edges found so far."""
    while state[COUNT] > 0 and ring[state[OLDEST], ARRIVED] + wait <= now:
        found = _retire(ring, heads, state, seed, edges, found)
    return found


@njit("void(int64[:,::1], int64[::1], uint64, int64[:,::1], int32[:,::1])", nogil=True, cache=True)
def move(ring, state, seed, larger, heads):
    """Into a ring of another size, whose `heads` are -1, oldest first."""
    for place in range(state[COUNT]):
        at = (state[OLDEST] + place) & (len(ring) - 1)
        for column in range(RING_COLUMNS):
            larger[place, column] = ring[at, column]
        if larger[place, STATE] != GONE:
            _link(larger, heads, place, seed)
    state[OLDEST] = 0


@njit("void(int64[:,::1], int64[:,::1])", nogil=True, cache=True)
def lone(spans, edges):
    """An edge for each span, to the other side that it names."""
    for row in range(len(spans)):
        _alone(spans, row, edges, row)
