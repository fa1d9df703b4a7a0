"""What an HTTP request asks for: URL parameters and headers, sorted into their kinds."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers, QueryParams

from otelhouse.clickhouse_server.errors import NOT_IMPLEMENTED, UNKNOWN_FORMAT, ServerError

# Parameters of the transport, not settings of the engine. Those without a use here are accepted and ignored:
# requests never share a session, roles and quotas do not exist on one user's machine.
_TRANSPORT = {
    "query", "database", "default_format", "query_id", "wait_end_of_query", "buffer_size", "enable_http_compression",
    "user", "password", "quota_key", "role", "session_id", "session_timeout", "session_check", "compress", "decompress",
    "client_protocol_version", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "stacktrace",
    "cancel_http_readonly_queries_on_client_close", "http_response_buffer_size", "http_wait_end_of_query",
    "http_write_exception_in_output_format", "http_native_compression_disable_checksumming_on_decompress",
}  # fmt: skip
_FORMAT = re.compile(r"\w{1,64}")
_OFF = ("", "0", "false")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, without its body."""

    query: bytes
    query_id: str
    database: str
    default_format: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    wait_end: bool
    accept_encoding: str
    read_only: bool


def ask(method: str, url: QueryParams, headers: Headers, form: Mapping[str, str]) -> Ask:
    """Sort a request. `form` has the text fields of a multipart body, which stand beside those of the URL."""
    given = {**dict(url.multi_items()), **form}
    if given.get("compress", "") not in _OFF or given.get("decompress", "") not in _OFF:
        raise ServerError(NOT_IMPLEMENTED, "compress and decompress: use Content-Encoding instead", "NOT_IMPLEMENTED")
    default_format = given.get("default_format") or headers.get("x-clickhouse-format", "TabSeparated")
    if not _FORMAT.fullmatch(default_format):
        raise ServerError(UNKNOWN_FORMAT, f"Unknown format {default_format!r}", "UNKNOWN_FORMAT")
    settings = {k: v for k, v in given.items() if k not in _TRANSPORT and not k.startswith("param_")}
    waits = given.get("wait_end_of_query", given.get("http_wait_end_of_query", ""))
    # Only asked-for answers are compressed: the header alone, which every HTTP library sends, does not ask.
    compressed = given.get("enable_http_compression", "") not in _OFF
    return Ask(
        query=given.get("query", "").encode("utf-8", "surrogateescape"),
        query_id=given.get("query_id") or str(uuid.uuid4()),
        database=given.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=default_format,
        settings=settings,
        parameters={k.removeprefix("param_"): v for k, v in given.items() if k.startswith("param_")},
        wait_end=waits not in _OFF,
        accept_encoding=headers.get("accept-encoding", "") if compressed else "",
        read_only=method in ("GET", "HEAD"),
    )
