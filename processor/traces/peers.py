"""What a client's span says of the other side: the name to give it where it sends no spans, and what it is.

After the Collector's servicegraph connector and Tempo's metrics-generator: a database is known by attributes of either
generation of the semantic conventions, and a name of the peer goes before that of the database or messaging system.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from processor.traces.facts import PRODUCER
from schema.arrays import I64, Mask
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
_IS_DATABASE = [KEYS.index(key) for key in _DATABASES]
_IS_MESSAGING = [KEYS.index(key) for key in _MESSAGING]

# Attributes that may name the other side, by kind of connection, the best first.
_NAMES = {
    DATABASE: (*_NAMED, *_DATABASES),
    MESSAGING: (*_NAMED, *_MESSAGING, *_ADDRESSES),
    EXTERNAL: (*_NAMED, *_ADDRESSES),
}

_TEXT = "".join(KEYS).encode()
_DATA = np.frombuffer(_TEXT, np.uint8).copy()
_BOUNDS = np.cumsum([0, *map(len, KEYS)]).astype(np.int64)


class Peers(NamedTuple):
    """By span: kind of the connection, and the row in the scan's attributes that names the other side, or -1."""

    connection: I64
    named_by: I64


def peers_of(scan: Scan, spans: I64, kinds: I64) -> Peers:
    """Of these rows of the scan's items, clients' and producers', consumers' without a parent."""
    found = attributes_found(scan, spans)
    is_database = (found[:, _IS_DATABASE] >= 0).any(axis=1)
    is_messaging = (found[:, _IS_MESSAGING] >= 0).any(axis=1) | (kinds >= PRODUCER)
    connection = np.where(is_messaging, MESSAGING, np.where(is_database, DATABASE, EXTERNAL)).astype(np.int64)
    named_by = np.full(len(spans), -1, np.int64)
    for kind, keys in _NAMES.items():
        of_kind: Mask = connection == kind
        for key in reversed(keys):
            column = found[:, KEYS.index(key)]
            chosen = of_kind & (column >= 0)
            named_by[chosen] = column[chosen]
    return Peers(connection, named_by)


def attributes_found(scan: Scan, spans: I64) -> I64:
    """int64[spans, KEYS]: row of the span's first attribute of that key which is a text and not empty; else -1."""
    order, offsets = scan.attributes_of(Owner.ITEM)
    attributes = scan.attributes
    keys, values = attributes.slices("key"), attributes.slices("value")
    texts = (attributes.numbers("value.kind") == ValueKind.STRING) & (values.len > 0)
    out = np.full((len(spans), len(KEYS)), -1, np.int64)
    find_all(scan.data, keys.off, keys.len, texts, order, offsets, spans, _DATA, _BOUNDS, out)
    return out


@njit(
    "void(uint8[::1], int64[::1], int64[::1], bool_[::1], int64[::1], int64[::1], int64[::1], uint8[::1], int64[::1],"
    " int64[:,::1])",
    nogil=True,
    cache=True,
)
def find_all(data, off, length, texts, order, offsets, rows, wanted, bounds, out):
    """out[i, k] = the first attribute of rows[i] with key k whose value is a text; else it stays."""
    source, sought = address(data), address(wanted)
    for i in range(len(rows)):
        for place in range(offsets[rows[i]], offsets[rows[i] + 1]):
            attribute = order[place]
            if not texts[attribute]:
                continue
            for key in range(len(bounds) - 1):
                size = bounds[key + 1] - bounds[key]
                if (
                    length[attribute] == size
                    and out[i, key] < 0
                    and equal_range(source, off[attribute], size, sought + bounds[key], size)
                ):
                    out[i, key] = attribute
                    break
