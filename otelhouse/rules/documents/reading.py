"""Reading a user's document: all of these raise InvalidRule, which names the path, as in `rules[2].match.name`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from otelhouse.rules.errors import InvalidRule

T = TypeVar("T")

LONGEST_TEXT = 1024
"""Characters of a name, key or pattern."""


def mapping(value: object, path: str) -> Mapping[str, object]:
    """A mapping with text for keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidRule(path, "must be a mapping")
    return value


def fields(value: object, path: str, known: Collection[str], needed: Collection[str] = ()) -> Mapping[str, object]:
    """A mapping with no keys but the known ones, and all that are needed."""
    found = mapping(value, path)
    for key in found:
        if key not in known:
            raise InvalidRule(_join(path, key), f"unknown; it must be one of {', '.join(sorted(known))}")
    for key in needed:
        if key not in found:
            raise InvalidRule(_join(path, key), "is missing")
    return found


def items(value: object, path: str, read: Callable[[object, str], T], most: int) -> tuple[T, ...]:
    """A list that is not empty, each entry read under its own path."""
    if not isinstance(value, list | tuple) or not value:
        raise InvalidRule(path, "must be a list with something in it")
    if len(value) > most:
        raise InvalidRule(path, f"has {len(value)} entries; the most is {most}")
    return tuple(read(entry, f"{path}[{place}]") for place, entry in enumerate(value))


def text(value: object, path: str) -> str:
    """Text that is not empty and not too long."""
    if not isinstance(value, str) or not value:
        raise InvalidRule(path, "must be text, and not empty")
    if len(value) > LONGEST_TEXT:
        raise InvalidRule(path, f"has {len(value)} characters; the most is {LONGEST_TEXT}")
    return value


def flag(value: object, path: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise InvalidRule(path, "must be true or false")
    return value


def number(value: object, path: str, least: int, most: int) -> int:
    """A whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRule(path, f"must be a whole number from {least} to {most}")
    return value


def choice(value: object, path: str, known: Collection[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in known:
        raise InvalidRule(path, f"must be one of {', '.join(known)}")
    return value


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
