"""From text to the library's syntax tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import promql_parser

from otelhouse.promql.desugaring import Desugaring
from otelhouse.promql.errors import PromQLError
from otelhouse.promql.tokens import tokens


@dataclass(frozen=True, slots=True)
class Parsed:
    """`expression` is of the library; the texts of patterns and the times of `@` in it are positions in the tables."""

    expression: Any
    patterns: list[str]
    at_ms: list[int]

    def pattern(self, value: str) -> str:
        """Of a matcher, by the value that stands in its place."""
        return self.patterns[int(value.rstrip("|"))]


def parse(query: str) -> Parsed:
    """Raises PromQLError."""
    desugaring = Desugaring(tokens(query))
    try:
        return Parsed(promql_parser.parse(desugaring.run()), desugaring.patterns, desugaring.at_ms)
    except PromQLError:
        raise
    except ValueError as error:
        raise PromQLError(str(error)) from None
