"""What can go wrong with rules. Messages are one line for the operator. One tree::

RulesError
|-- InvalidRule       a document (or a file of them) says something that it must not say
|-- UnknownRule       no such version
|-- RuleOfNobody      there is no such tenant
`-- RulesUnavailable  no rules were ever read, so nobody knows what is allowed. Retryable
"""

from __future__ import annotations


class RulesError(Exception):
    """Root of all errors about rules."""


class InvalidRule(RulesError):
    """`path` names the place in the user's document, as in `rules[2].action`; "" is the document itself."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


class UnknownRule(RulesError):
    """There is no such version of this rule."""


class RuleOfNobody(RulesError):
    """The tenant of a rule does not exist."""


class RulesUnavailable(RulesError):
    """PostgreSQL was never reached since the start, or a document cannot be understood by this release."""
