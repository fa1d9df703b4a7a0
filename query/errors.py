"""What a client may be told. Anything else that is raised is answered as INTERNAL with an id for the log.

The tree::

    QueryError
    |-- BadInput          the request cannot be answered as it is written
    |-- LimitExceeded     it can, but costs more than one query may
    |-- Unauthenticated   no key, or one that is not known
    |-- Forbidden         a key that may not do this
    `-- Unavailable       a part that the answer needs cannot be reached: try again
"""

from __future__ import annotations

from typing import ClassVar


class QueryError(Exception):
    """Root. The message goes to the client as it is."""

    code: ClassVar[str] = "INTERNAL"


class BadInput(QueryError):
    """The message names the argument."""

    code = "BAD_INPUT"


class LimitExceeded(QueryError):
    """The message says what to ask less of."""

    code = "LIMIT_EXCEEDED"


class Unauthenticated(QueryError):
    """Never says whether a tenant or key exists."""

    code = "UNAUTHENTICATED"


class Forbidden(QueryError):
    """The message says which scope is missing."""

    code = "FORBIDDEN"


class Unavailable(QueryError):
    """Retryable."""

    code = "UNAVAILABLE"
