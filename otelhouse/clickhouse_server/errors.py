"""ClickHouse's errors: codes, names, and the HTTP status that each is answered with."""

from __future__ import annotations

import re

SYNTAX_ERROR = 62
UNKNOWN_FORMAT = 73
ACCESS_DENIED = 497
NOT_IMPLEMENTED = 48
INCORRECT_DATA = 117
BAD_ARGUMENTS = 36
TOO_MANY_SIMULTANEOUS_QUERIES = 202
QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
QUERY_WAS_CANCELLED = 394
CANNOT_DECOMPRESS = 271
UNKNOWN_EXCEPTION = 1002

_MESSAGE = re.compile(r"Code: (\d+)\. DB::Exception: (.*)", re.DOTALL)
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")

# By HTTP status, as ClickHouse maps them; every other code is a 500.
_STATUS = {
    400: {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676},
    401: {194},
    403: {192, 193, 497, 512, 516},
    404: {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
    408: {159},
    411: {381},
    413: {229},
    415: {779},
    501: {48},
    503: {76, 209, 439},
}
STATUS_OF_CODE = {code: status for status, codes in _STATUS.items() for code in codes}


class ServerError(Exception):
    """An error for the client, in ClickHouse's words."""

    def __init__(self, code: int, message: str, name: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.name = name

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS_OF_CODE.get(self.code, 500)

    def text(self, version: str) -> str:
        """The line that ClickHouse writes into the body."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {version})"


def from_engine(error: BaseException) -> ServerError:
    """Read what chDB raised; it has the code, message and name in its text, sometimes twice."""
    text = str(error)
    match = _MESSAGE.search(text)
    if match is None:
        return ServerError(UNKNOWN_EXCEPTION, text.strip() or type(error).__name__, "UNKNOWN_EXCEPTION")
    code, message = int(match[1]), re.sub(r"( \(version [^)]*\))?\.?\s*$", "", match[2].rstrip())
    names = list(_NAME.finditer(message))
    if not names or names[-1].end() != len(message):
        return ServerError(code, message, names[-1][1] if names else "UNKNOWN_EXCEPTION")
    return ServerError(code, message[: names[-1].start()].rstrip(), names[-1][1])
