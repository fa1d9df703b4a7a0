"""The documents of rules: one module a kind, each with `parse(document) -> its model`.

`PARSERS` reads them. An empty document is valid for every kind and means the built-in default.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from otelhouse.rules.documents import control, limits, masking, recording, retention, sampling, series, span_metrics
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.rule import Kind

Parser = Callable[[Mapping[str, Any]], object]

PARSERS: Mapping[Kind, Parser] = {
    Kind.CONTROL: control.parse,
    Kind.LIMITS: limits.parse,
    Kind.MASKING: masking.parse,
    Kind.RECORDING: recording.parse,
    Kind.RETENTION: retention.parse,
    Kind.SAMPLING: sampling.parse,
    Kind.SERIES: series.parse,
    Kind.SPAN_METRICS: span_metrics.parse,
}

MAX_BYTES = 1 << 20
"""Largest document, as JSON: rules are held in memory by every replica."""


def parse(kind: Kind, document: Mapping[str, Any]) -> object:
    """The model of a document. Raises InvalidRule, which names the place."""
    try:
        size = len(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRule("", f"holds what JSON cannot: {error}") from None
    if size > MAX_BYTES:
        raise InvalidRule("", f"is {size} bytes, more than {MAX_BYTES}")
    _refuse_nul(document, "")
    return PARSERS[kind](document)


def _refuse_nul(value: object, path: str) -> None:
    """PostgreSQL's jsonb takes every character but this one; keys that are no strings would come back as strings."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidRule(path, "holds a NUL character")
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                raise InvalidRule(path, f"the key {key!r} is not a string")
            _refuse_nul(key, path)
            _refuse_nul(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _refuse_nul(each, f"{path}[{index}]")
