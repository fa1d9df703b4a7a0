"""The words and signs of an expression, as Prometheus' lexer tells them apart."""

from __future__ import annotations

import re

from otelhouse.promql.errors import PromQLError

Token = tuple[str, str]
"""Its kind (string, number, word, operator) and its text."""
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    |(?P<number>0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?(?:[a-zA-Z_][a-zA-Z0-9_]*)?)
    |(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<operator>=~|!~|==|!=|<=|>=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_MOST_NESTING = 150
_MOST_TOKENS = 20_000
"""The library descends without looking at its stack: what nests deeper ends the process."""
_WORDS = ("and", "or", "unless", "atan2")
_SIGNS = ("+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=")


def tokens(query: str) -> list[Token]:
    """Without space and comments. Raises PromQLError where there are too many, or they nest too deep."""
    found: list[Token] = []
    at, in_brackets = 0, False
    while at < len(query):
        # Names may begin with a colon, but not in brackets: there it stands before a step.
        if in_brackets and query[at] == ":":
            found.append(("operator", ":"))
            at += 1
        elif (token := _TOKEN.match(query, at)) is not None:
            if token.lastgroup != "space":
                found.append((str(token.lastgroup), token.group()))
                in_brackets = token.group() == "[" or (in_brackets and token.group() != "]")
            at = token.end()
    if len(found) > _MOST_TOKENS:
        raise PromQLError(f"the expression has {len(found)} words and signs; {_MOST_TOKENS} are read at most")
    _check_nesting(found)
    return found


def _check_nesting(found: list[Token]) -> None:
    deepest = depth = operators = 0
    for kind, text in found:
        if kind == "operator":
            depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
            deepest = max(deepest, depth)
            operators += text in _SIGNS
        else:
            operators += kind == "word" and text.lower() in _WORDS
    if deepest > _MOST_NESTING or operators > 10 * _MOST_NESTING:
        raise PromQLError(f"the expression nests more than {_MOST_NESTING} deep")
