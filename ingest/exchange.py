"""A request and its answer, as receivers see them, whichever protocol and server carry them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

Headers = Mapping[bytes, bytes]
"""Names in lower case; values of a name that came more than once are joined by commas."""
Fields = tuple[tuple[bytes, bytes], ...]
"""Headers or trailers of an answer, names in lower case."""


class Disconnected(Exception):
    """The client went away, or its time is over: nobody is left to answer."""


class Caller(Protocol):
    """Who calls, as far as the front knows.

    `headers`: the call's; `keyless`: whether a call without a key is the default tenant's; `sans`: names in the
    client's verified certificate, as `URI:...` and `DNS:...`.
    """

    @property
    def headers(self) -> Headers: ...
    @property
    def keyless(self) -> bool: ...
    @property
    def sans(self) -> Sequence[str]: ...


class Exchange(ABC):
    """Lives on one event loop. `path`: decoded, without the query; `also`: headers that go with any answer."""

    __slots__ = ("also", "headers", "keyless", "method", "path", "sans")

    def __init__(self, method: str, path: str, headers: Headers, keyless: bool, sans: Sequence[str]) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.keyless = keyless
        self.sans = sans
        self.also: Fields = ()

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether all of the body was read."""

    @abstractmethod
    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end. Raises Disconnected. What is not asked for is not taken in."""

    @abstractmethod
    def answer(self, status: int, headers: Fields, body: bytes = b"", trailers: Fields = ()) -> None:
        """Answer, once; later ones, and those to a client that went away, go nowhere. Never blocks."""

    @abstractmethod
    def cut(self, status: int, headers: Fields, body: bytes = b"") -> None:
        """Answer now, whatever of the body is still to come; `read()` raises Disconnected from here on."""
