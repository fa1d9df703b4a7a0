"""Why the bytes of a call were rejected, one code a call."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """Status of one request body. 0 means accepted; nothing of a rejected body is in any table."""

    OK = 0
    TRUNCATED = 1
    VARINT = 2
    TAG = 3
    WIRE_TYPE = 4
    LENGTH = 5
    UTF8 = 6
    DEPTH = 7
    GROUP = 8
    PACKED = 9
    TOO_LARGE = 10
    SCATTERED = 11
    TOO_MANY = 12

    @property
    def text(self) -> str:
        """The reason in words, fit for an error message to the client. Holds nothing of the data."""
        return _TEXT[self]


_TEXT = {
    ErrorCode.OK: "accepted",
    ErrorCode.TRUNCATED: "the message ends in the middle of a field",
    ErrorCode.VARINT: "a varint is longer than ten bytes",
    ErrorCode.TAG: "a field's tag is malformed or its field number is 0",
    ErrorCode.WIRE_TYPE: "a field has the reserved wire type 6 or 7",
    ErrorCode.LENGTH: "a field is longer than the message that holds it",
    ErrorCode.UTF8: "a string field is not valid UTF-8",
    ErrorCode.DEPTH: "messages are nested deeper than 100 levels",
    ErrorCode.GROUP: "a group ends that never began, or never ends",
    ErrorCode.PACKED: "a packed list of numbers has a broken length",
    ErrorCode.TOO_LARGE: "a message that comes in scattered pieces is too large to be put together",
    ErrorCode.TOO_MANY: "it is made of too many empty messages for its length",
    ErrorCode.SCATTERED: "a message comes in scattered pieces that cannot be put together",
}
