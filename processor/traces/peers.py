"""What a client's span says of the other side: the name to give it where it sends no spans, and what it is.

After the Collector's servicegraph connector and Tempo's metrics-generator: a database is known by attributes of either
generation of the semantic conventions, and a name of the peer goes before that of the database or messaging system.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from processor.traces.facts import PRODUCER
from schema.arrays import I64
from schema.loads import address
from schema.wire import Owner, Scan, ValueKind
from schema.wire.gather import equal_range

CONNECTIONS = ("", "messaging_system", "database", "virtual_node")
"""Kinds of connection as they are stored, by number; the names are the Collector's."""
CALL, MESSAGING, DATABASE, EXTERNAL = range(4)

_NAMED = ("service.peer.name", "peer.service")
_DATABASES = ("db.namespace", "db.name", "db.system.name", "db.system")
_MESSAGING = ("messaging.system",)
_ADDRESSES = ("server.address", "net.peer.name", "network.peer.address", "net.sock.peer.addr")

KEYS = (*_NAMED, *_DATABASES, *_MESSAGING, *_ADDRESSES)

# Attributes that may name the other side, by kind of connection, the best first.
_NAMES = {
    DATABASE: (*_NAMED, *_DATABASES),
    MESSAGING: (*_NAMED, *_MESSAGING, *_ADDRESSES),
    EXTERNAL: (*_NAMED, *_ADDRESSES),
}

_KINDS = np.array([DATABASE if key in _DATABASES else MESSAGING if key in _MESSAGING else CALL for key in KEYS])
"""What the span's connection is if the key is there; CALL where it says nothing."""
_ALLOWED = np.array([[key in _NAMES.get(kind, ()) for key in KEYS] for kind in range(4)])

_TEXT = "".join(KEYS).encode()
_DATA = np.frombuffer(_TEXT, np.uint8).copy()
_BOUNDS = np.cumsum([0, *map(len, KEYS)]).astype(np.int64)
_BY_SIZE = np.array([sum(1 << size for size in {*map(len, KEYS)})])


class Peers(NamedTuple):
    """By span: kind of the connection, and the row in the scan's attributes that names the other side, or -1."""

    connection: I64
    named_by: I64


def peers_of(scan: Scan, spans: I64, kinds: I64) -> Peers:
    """Of these rows of the scan's items, clients' and producers', consumers' without a parent."""
    found = attributes_found(scan, spans)
    connection = np.where(kinds >= PRODUCER, MESSAGING, EXTERNAL).astype(np.int64)
    named_by = np.full(len(spans), -1, np.int64)
    choose(found, _KINDS, _ALLOWED, connection, named_by)
    return Peers(connection, named_by)


def attributes_found(scan: Scan, spans: I64) -> I64:
    """int64[spans, KEYS]: row of the span's first attribute of that key which is a text and not empty; else -1."""
    table = scan.attributes
    places = np.full(len(scan.items), -1, np.int64)
    places[spans] = np.arange(len(spans))
    out = np.full((len(spans), len(KEYS)), -1, np.int64)
    columns = np.array([table.place(name) for name in ("key", "value", "value.kind")])
    find_all(scan.data, *table.raw, len(table), columns, places, _DATA, _BOUNDS, _BY_SIZE, out)
    return out


_ITEM, _STRING = int(Owner.ITEM), int(ValueKind.STRING)


@njit(
    "void(uint8[::1], int32[::1], int64, int64, int64, int64[::1], int64[::1], uint8[::1], int64[::1], int64[::1],"
    " int64[:,::1])",
    nogil=True,
    cache=True,
)
def find_all(data, ints, at, stride, rows, columns, places, wanted, bounds, by_size, out):
    """out[places[span], k] = the span's first attribute with key k whose value is a text; else it stays.

    `ints`, `at`, `stride`: see Table.raw; `by_size`: a bit for each length that a key has.
    """
    source, sought = address(data), address(wanted)
    key, value, kind = columns[0], columns[1], columns[2]
    for row in range(rows):
        place = at + row * stride
        size = np.int64(ints[place + key + 1])
        if size > 63 or (by_size[0] >> size) & 1 == 0 or ints[place + 1] != _ITEM:
            continue
        i = places[ints[place]]
        if i < 0 or ints[place + kind] != _STRING or ints[place + value + 1] <= 0:
            continue
        for k in range(len(bounds) - 1):
            if (
                bounds[k + 1] - bounds[k] == size
                and out[i, k] < 0
                and equal_range(source, np.int64(ints[place + key]), size, sought + bounds[k], size)
            ):
                out[i, k] = row
                break


@njit("void(int64[:,::1], int64[::1], bool_[:,::1], int64[::1], int64[::1])", nogil=True, cache=True)
def choose(found, kinds, allowed, connection, named_by):
    """See Peers. `connection` comes as it is without attributes."""
    for i in range(len(found)):
        database = False
        for k in range(len(kinds)):
            if found[i, k] >= 0:
                database |= kinds[k] == DATABASE
                if kinds[k] == MESSAGING:
                    connection[i] = MESSAGING
        if database and connection[i] != MESSAGING:
            connection[i] = DATABASE
        for k in range(len(kinds)):
            if found[i, k] >= 0 and allowed[connection[i], k]:
                named_by[i] = found[i, k]
                break
