"""What can be wrong with an expression.

PromQLError       it cannot be read, or its types do not fit (a client's mistake: HTTP 400, bad_data)
ExecutionError    it can be read, but not be evaluated over these series (HTTP 422, execution)
  QueryTooLarge   it would take more than the settings allow; the message says what to narrow
"""

from __future__ import annotations


class PromQLError(ValueError):
    """The expression cannot be read; the message says why."""


class ExecutionError(Exception):
    """The expression has no value over what is stored; the message says why."""


class QueryTooLarge(ExecutionError):
    """The query needs more than a limit allows; the message says which, and what to narrow."""
