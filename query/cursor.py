"""Opaque cursors: the sort key of the last item given, so that pages hold while new data arrives."""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from query.errors import BadInput


def encode(kind: str, *key: int | str) -> str:
    """A cursor for a list of this kind."""
    body = json.dumps([kind, *key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4, "big") + body).decode().rstrip("=")


def decode(kind: str, cursor: str, *types: type) -> list[int | str]:
    """Its key, of these types. Raises BadInput for a cursor that is not one of ours for this kind.

    The checksum finds accidents, not forgeries: a cursor grants nothing, it only says where to go on.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = json.loads(raw[4:]) if zlib.crc32(raw[4:]).to_bytes(4, "big") == raw[:4] else None
    except (binascii.Error, ValueError):
        found = None
    if (
        not isinstance(found, list)
        or found[:1] != [kind]
        or [type(part) for part in found[1:]] != list(types)
        or any(isinstance(part, int) and not -(1 << 63) <= part < 1 << 64 for part in found[1:])
    ):
        raise BadInput("after: this is not a cursor of this list; use an endCursor or a cursor of its edges")
    return found[1:]
