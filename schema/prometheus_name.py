"""OpenTelemetry names as Prometheus names, by one of the strategies of Prometheus' `otlp.translation_strategy`.

Sources: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility" (OTLP metric points
to Prometheus: metric metadata, instrumentation scope, resource attributes), and the behaviour of
prometheus/otlptranslator, which Prometheus' own OTLP endpoint uses. Where that refuses a name because
nothing of it is legal, we keep the data under Prometheus' value-escaped form (`U__` and code points)
instead: an acknowledged metric is never lost for its name.
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from functools import lru_cache

EXACT_SCOPE = "otelhouse.remote_write"
"""Scope of metrics that came by Prometheus remote write: their names and labels are Prometheus' own already."""


class Strategy(StrEnum):
    """How names are made; the values are those of Prometheus' setting."""

    UNDERSCORES_AND_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    UNDERSCORES = "UnderscoreEscapingWithoutSuffixes"
    SUFFIXES = "NoUTF8EscapingWithSuffixes"
    NOTHING = "NoTranslation"

    @property
    def escapes(self) -> bool:
        """Whether characters other than Prometheus' old ones become underscores."""
        return self in (Strategy.UNDERSCORES_AND_SUFFIXES, Strategy.UNDERSCORES)

    @property
    def adds_suffixes(self) -> bool:
        """Whether unit and type are told at the end of a metric's name."""
        return self in (Strategy.UNDERSCORES_AND_SUFFIXES, Strategy.SUFFIXES)


class MetricKind(IntEnum):
    """What a Metric carries; the numbers are the tags of its `data` fields in metrics.proto."""

    NONE = 0
    GAUGE = 5
    SUM = 7
    HISTOGRAM = 9
    EXPONENTIAL_HISTOGRAM = 10
    SUMMARY = 11


# UCUM code -> Prometheus base unit; a code that is not here stands for itself.
_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",  # as Prometheus and the Collector have it
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_NAME_BREAK = re.compile(r"[^a-zA-Z0-9:]+")
_CHARACTER_BREAK = re.compile(r"[^a-zA-Z0-9:_]+")
_LABEL_ILLEGAL = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=65_536)
def translated_family(
    name: bytes,
    unit: bytes,
    kind: MetricKind,
    monotonic: bool,
    strategy: Strategy = Strategy.UNDERSCORES_AND_SUFFIXES,
) -> str:
    """Prometheus name of a metric's family: no `_bucket`, `_count` or `_sum`, but `_total` on monotonic sums.

    `name` and `unit` are the Metric's own UTF-8; bytes that are not UTF-8 read as U+FFFD. Never empty.
    """
    text, code = name.decode("utf-8", "replace"), unit.decode("utf-8", "replace")
    ending = "total" if kind is MetricKind.SUM and monotonic else ""
    if kind is MetricKind.GAUGE and code == "1":
        ending = "ratio"
    match strategy:
        case Strategy.UNDERSCORES_AND_SUFFIXES:
            return _of_words(text, code, ending)
        case Strategy.UNDERSCORES:
            plain = "_".join(part for part in _CHARACTER_BREAK.split(text) if part)
            family = plain if plain == text or plain.strip("_") else _escaped(text)
            return f"_{family}" if family[:1].isdigit() else family
        case Strategy.SUFFIXES:
            return _with_suffixes(text, code, ending)
        case Strategy.NOTHING:
            return text


def _of_words(text: str, code: str, ending: str) -> str:
    """The words of a name, without what stands between them; then those of its unit and its type."""
    tokens = [token for token in _NAME_BREAK.split(text) if token] or [_escaped(text)]
    main, per = _unit_tokens(code)
    for token in (main, per):
        if token and token not in tokens:
            tokens.append(token)
    if ending:
        tokens = [*(token for token in tokens if token != ending), ending]
    family = "_".join(tokens)
    return f"_{family}" if family[0].isdigit() else family


def _with_suffixes(text: str, code: str, ending: str) -> str:
    """The name as it is; then its unit and its type, each with an underscore before, moved there if it ends in them."""
    main, per = _unit_texts(code)
    name = _without(text, ending)
    if per:
        name = _without(name, per)
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join(part for part in (name, per, ending) if part)


def _without(name: str, suffix: str) -> str:
    """Without a suffix and the character before it, whatever it is, if anything is left then."""
    if suffix and name.endswith(suffix) and len(name) > len(suffix) + 1:
        return name[: -len(suffix) - 1]
    return name


_PARTS = ("_bucket", "_count", "_sum")


def partition_family(name: bytes, unit: bytes, kind: MetricKind, monotonic: bool, exact: bool) -> str:
    """The family by which a metric's partition is chosen; `exact`: the name is Prometheus' own.

    The parts of a classic histogram or summary come by remote write as series of their own, without a type in 1.0: so
    that they are where their family is, and any series is where the same one is that came by OTLP, a name of a gauge
    or sum goes without such a suffix, whatever it means there.
    """
    family = name.decode("utf-8", "replace") if exact else translated_family(name, unit, kind, monotonic)
    if kind in (MetricKind.GAUGE, MetricKind.SUM):
        for part in _PARTS:
            if family.endswith(part) and family != part:
                return family.removesuffix(part)
    return family


@lru_cache(maxsize=65_536)
def translated_label(key: str, strategy: Strategy = Strategy.UNDERSCORES_AND_SUFFIXES) -> str:
    """Prometheus label name of an attribute key. Never empty; names like `__this__` stay as they are."""
    if key and not strategy.escapes:
        return key
    label = _LABEL_ILLEGAL.sub("_", key)
    if not label.strip("_"):
        return _escaped(key)
    if label[0].isdigit():
        return f"key_{label}"
    if label[0] == "_" and label[1] != "_":
        return f"key{label}"
    return label


def _unit_tokens(code: str) -> tuple[str, str]:
    """A unit's suffixes as words."""
    main, per = _unit_texts(code)
    per_token = _joined(per.removeprefix("per_"))
    return _joined(main), f"per_{per_token}" if per_token else ""


def _unit_texts(code: str) -> tuple[str, str]:
    """A unit's suffixes ("bytes", "per_second"); an annotation in braces is no unit."""
    main, _, per = (part.strip() for part in code.partition("/"))
    main_text = "" if _is_annotation(main) else _UNITS.get(main, main)
    per_text = "" if _is_annotation(per) else _PER_UNITS.get(per, per)
    return main_text, f"per_{per_text}" if per_text else ""


def _is_annotation(code: str) -> bool:
    return "{" in code or "}" in code


def _joined(text: str) -> str:
    return "_".join(token for token in _NAME_BREAK.split(text) if token)


def _escaped(text: str) -> str:
    """Prometheus' escaping scheme "values" for a text in which no character is legal."""
    return "U__" + "".join("__" if char == "_" else f"_{ord(char):x}_" for char in text)
