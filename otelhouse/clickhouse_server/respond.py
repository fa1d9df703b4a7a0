"""Writing an answer in ClickHouse's manner: its headers, its errors before and within a body."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping

import orjson
from starlette.types import Send

from otelhouse.clickhouse_server.compression import Encoder, encoder
from otelhouse.clickhouse_server.engine import Progress
from otelhouse.clickhouse_server.errors import ServerError

_CONTENT_TYPES = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Parquet": "application/vnd.apache.parquet",
    "ArrowStream": "application/vnd.apache.arrow.stream",
    "Arrow": "application/vnd.apache.arrow.file",
}
_BINARY = ("Native", "RowBinary", "Arrow", "Parquet", "ORC", "Avro", "Protobuf", "MsgPack", "BSON", "CapnProto", "Npy")


class BrokenResponse(Exception):
    """The body ends with an error: closing the connection within it keeps every client from taking it for whole."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def summary(progress: Progress) -> str:
    """Value of X-ClickHouse-Summary."""
    values = {
        "read_rows": progress.read_rows,
        "read_bytes": progress.read_bytes,
        "written_rows": progress.written_rows,
        "written_bytes": progress.written_bytes,
        "elapsed_ns": int(progress.elapsed_seconds * 1e9),
    }
    return orjson.dumps({key: str(value) for key, value in values.items()}).decode()


def content_type(output_format: str) -> str:
    """MIME type of a format."""
    known = _CONTENT_TYPES.get(output_format)
    binary = output_format.startswith(_BINARY)
    return known or ("application/octet-stream" if binary else "text/plain; charset=UTF-8")


class Responder:
    """One answer: either `whole`, or `start`, `write`..., then `finish` or `fail`."""

    def __init__(self, send: Send, headers: Mapping[str, str], encoding: str, version: str) -> None:
        self._send = send
        self._headers = headers
        self._encoding = encoding
        self._version = version
        self._tag = "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))
        self._encoder: Encoder | None = encoder(encoding) if encoding else None

    async def whole(self, body: bytes, output_format: str, progress: Progress, status: int = 200) -> None:
        """Answer at once."""
        extra = {"X-ClickHouse-Summary": summary(progress), "X-ClickHouse-Format": output_format}
        if self._encoder is not None and body:
            body = self._encoder.compress(body) + self._encoder.flush()
            extra["Content-Encoding"] = self._encoding
        await self._begin(status, content_type(output_format), {**extra, "Content-Length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})

    async def error(self, error: ServerError) -> None:
        """Answer with an error alone."""
        body = (error.text(self._version) + "\n").encode("utf-8", "surrogateescape")
        extra = {"X-ClickHouse-Exception-Code": str(error.code), "Content-Length": str(len(body))}
        await self._begin(error.status, "text/plain; charset=UTF-8", extra)
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, output_format: str) -> None:
        """Begin an answer of unknown length."""
        extra = {"X-ClickHouse-Format": output_format, "X-ClickHouse-Summary": summary(Progress())}
        if self._encoder is not None:
            extra["Content-Encoding"] = self._encoding
        await self._begin(200, content_type(output_format), extra)

    async def write(self, data: bytes) -> None:
        """Send a piece; waits while the client is slow."""
        out = data if self._encoder is None else self._encoder.compress(data)
        if out:
            await self._send({"type": "http.response.body", "body": out, "more_body": True})

    async def finish(self) -> None:
        """End a started answer."""
        rest = b"" if self._encoder is None else self._encoder.flush()
        await self._send({"type": "http.response.body", "body": rest})

    async def fail(self, error: ServerError) -> None:
        """End a started answer with an error, marked by the tag in the header. Raises BrokenResponse."""
        message = error.text(self._version).encode("utf-8", "surrogateescape") + b"\n"
        tag = self._tag.encode()
        mark = b"\r\n__exception__\r\n"
        block = mark + tag + b"\r\n" + message + str(len(message)).encode() + b" " + tag + mark
        await self.write(block)
        if self._encoder is not None:
            rest = self._encoder.flush()
            await self._send({"type": "http.response.body", "body": rest, "more_body": True})
        raise BrokenResponse(error.code)

    async def _begin(self, status: int, kind: str, extra: Mapping[str, str]) -> None:
        headers = {**self._headers, "X-ClickHouse-Exception-Tag": self._tag, "Content-Type": kind, **extra}
        encoded = [(k.lower().encode(), v.encode("latin-1", "replace")) for k, v in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
