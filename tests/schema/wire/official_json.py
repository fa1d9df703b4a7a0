"""OTLP/JSON by the official protobuf library: its own JSON mapping, with ids in hexadecimal instead of base64."""

from __future__ import annotations

import base64
import binascii
import json
import random
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from schema.signal import Signal
from tests.schema.wire.official import REQUEST

_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


def to_document(message: Message, rng: random.Random) -> Any:
    """A message as an OTLP/JSON document, in one of the ways that a client may write it."""
    document = json_format.MessageToDict(
        message, use_integers_for_enums=rng.random() < 0.9, preserving_proto_field_name=rng.random() < 0.1
    )
    return _ids(document, lambda text: base64.b64decode(text).hex(), rng)


def to_text(document: Any, rng: random.Random) -> bytes:
    """A document as text: with white space or without, with escapes or plain."""
    separators = rng.choice((None, (",", ":"), (" ,\n\t", " :\r ")))
    return json.dumps(document, separators=separators, ensure_ascii=rng.random() < 0.5).encode()


def parse(signal: Signal, text: bytes) -> Message | None:
    """The request, or None if the library rejects it."""
    message: Message = REQUEST[signal]()
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_int=_integer)
        document = _ids(document, lambda digits: base64.b64encode(binascii.unhexlify(digits)).decode(), None)
        json_format.ParseDict(document, message, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, TypeError, RecursionError, AttributeError, OverflowError, SystemError):
        return None
    return message


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError for a key that comes twice, as the library's own reading of text does."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key comes twice")
    return made


def _integer(text: str) -> int | float:
    """A number without a fraction: "-0" is one, which Python would take for 0."""
    return -0.0 if text == "-0" else int(text)


def _ids(node: Any, change: Any, rng: random.Random | None) -> Any:
    if isinstance(node, list):
        return [_ids(child, change, rng) for child in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: change(value) if key in _IDS and isinstance(value, str) else _ids(value, change, rng)
        for key, value in node.items()
    }
    if rng is not None and rng.random() < 0.1:
        made[rng.choice(("new", "x\n", "größe"))] = rng.choice((None, True, 1.5e3, "a\\b", [1, [{}]], {"a": {"b": []}}))
    return made
