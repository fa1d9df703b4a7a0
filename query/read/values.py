"""Stored text back to JSON values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import orjson

JsonMap: TypeAlias = dict[str, Any]

ZERO_SPAN = "0" * 16
ZERO_TRACE = "0" * 32


def typed(attributes: Mapping[str, str], json_keys: Collection[str]) -> JsonMap:
    """A map as stored: the values under `json_keys` are the text of JSON, the others are strings."""
    if not json_keys:
        return dict(attributes)
    return {key: parsed(value) if key in json_keys else value for key, value in attributes.items()}


def parsed(text: str) -> Any:
    """The JSON value of a text; text that is no JSON stays what it is."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
