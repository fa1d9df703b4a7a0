"""label_replace, label_join."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from otelhouse.promql.errors import ExecutionError
from otelhouse.promql.values import Labels, Vector, distinct

_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})|\$")
_NAMED = re.compile(r"\(\?P?<(\w+)>")
_GROUP = re.compile(r"\\.|\[(?:\\.|\[:\w+:\]|\^?\]?)(?:\\.|\[:\w+:\]|[^\]\\])*\]|\((?!\?)|\(\?P?<\w+>", re.DOTALL)
_MOST_GROUPS = 9
"""RE2's rewriting knows \\0 to \\9."""


def replaced(vector: Vector, target: str, replacement: str, source: str, pattern: str) -> Vector:
    """Where the pattern matches all of the source label, the target becomes the replacement. Raises ExecutionError."""
    anchored = f"^(?s:{pattern})$"
    try:
        pc.match_substring_regex(pa.array([""]), pattern=anchored)
    except pa.ArrowInvalid:
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}") from None
    if not target:
        raise ExecutionError(f"invalid destination label name in label_replace(): {target}")
    sources = [each.get(source, "") for each in vector.labels]
    distinct_sources = pa.array(dict.fromkeys(sources), pa.string())
    hits = pc.match_substring_regex(distinct_sources, pattern=anchored)
    texts = pc.replace_substring_regex(distinct_sources, pattern=anchored, replacement=_rewrite(replacement, pattern))
    becomes = {
        text: new
        for text, hit, new in zip(distinct_sources.to_pylist(), hits.to_pylist(), texts.to_pylist(), strict=True)
        if hit
    }
    labels = [
        _with(each, target, becomes[text]) if text in becomes else each
        for each, text in zip(vector.labels, sources, strict=True)
    ]
    return distinct(Vector(labels, vector.values, vector.present))


def join(vector: Vector, target: str, separator: str, sources: list[str]) -> Vector:
    """The target becomes the values of the sources, in their order. Raises ExecutionError."""
    for name, kind in ((target, "destination"), *((each, "source") for each in sources)):
        if not name:
            raise ExecutionError(f"invalid {kind} label name in label_join(): {name}")
    labels = [_with(each, target, separator.join([each.get(name, "") for name in sources])) for each in vector.labels]
    return distinct(Vector(labels, vector.values, vector.present))


def _with(labels: Labels, name: str, value: str) -> Labels:
    if value:
        return {**labels, name: value}
    return {other: kept for other, kept in labels.items() if other != name}


def _rewrite(replacement: str, pattern: str) -> str:
    """From `$1`, `${1}`, `$name` to RE2's `\\1`. References to groups that there are not are empty."""
    groups = [each for each in _GROUP.findall(pattern) if each.startswith("(")]
    numbers = {
        named.group(1): i + 1 for i, each in enumerate(groups) if (named := _NAMED.fullmatch(each))
    } | {str(i): i for i in range(len(groups) + 1)}  # fmt: skip

    def reference(found: re.Match[str]) -> str:
        if found.group() == "$$" or found.group() == "$":
            return "$"
        number = numbers.get(found.group(1) or found.group(2))
        if number is not None and number > _MOST_GROUPS:
            raise ExecutionError(f"label_replace(): {found.group()}: a replacement may refer to {_MOST_GROUPS} groups")
        return "" if number is None else f"\\{number}"

    return _REFERENCE.sub(reference, replacement.replace("\\", "\\\\"))
