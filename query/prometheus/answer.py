"""The envelope of the Prometheus HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from query.prometheus.errors import ApiError

TRUNCATED = "results truncated due to limit"


@dataclass(frozen=True, slots=True)
class Answer:
    """`data` in pieces of JSON text."""

    data: Sequence[bytes]
    warnings: Sequence[str] = ()
    infos: Sequence[str] = ()

    @classmethod
    def of(cls, data: Any, warnings: Sequence[str] = ()) -> Answer:
        """What orjson can write."""
        return cls((orjson.dumps(data),), warnings)

    def body(self) -> bytes:
        """The whole text."""
        ends = [b'{"status":"success","data":', *self.data]
        for name, notes in ((b"warnings", self.warnings), (b"infos", self.infos)):
            if notes:
                ends += [b',"', name, b'":', orjson.dumps(list(notes))]
        return b"".join((*ends, b"}"))


def error_body(error: ApiError) -> bytes:
    """The whole text."""
    return orjson.dumps({"status": "error", "errorType": error.kind.value[0], "error": error.message})
