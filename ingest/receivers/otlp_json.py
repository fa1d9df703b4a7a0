"""OTLP/JSON -> OTLP protobuf (OTLP 1.x, "JSON Protobuf Encoding")."""

from __future__ import annotations

from ingest.answer import Code, Refused
from ingest.expansion import expansion
from schema.signal import Signal
from schema.wire.from_json import JsonRejected, from_json
from schema.wire.json_reading import JsonError
from schema.wire.reading import MAX_LENGTH


def to_protobuf(signal: Signal, text: bytes, limit: int = MAX_LENGTH) -> bytes:
    """An export request in JSON -> the same in protobuf, at most `limit` bytes. Raises Refused.

    Works outside of the interpreter's lock, and holds what it writes beside the text, but no object a value.
    """
    try:
        with expansion(len(text)):
            return from_json(signal, text, limit)
    except JsonRejected as rejected:
        # A reason and a place: the data itself has no business in an answer or a log of ours.
        code = Code.TOO_LARGE if rejected.error is JsonError.ROOM else Code.INVALID
        raise Refused(code, f"not a valid request in JSON: {rejected}") from None
