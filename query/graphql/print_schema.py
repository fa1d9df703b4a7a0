"""Prints the SDL: `python -m query.graphql.print_schema > query/schema.graphql`."""

from __future__ import annotations

import sys

from query.graphql.schema import schema


def sdl() -> str:
    """What query/schema.graphql must hold."""
    return schema.as_str() + "\n"


if __name__ == "__main__":
    sys.stdout.write(sdl())
