"""Multipart bodies: how clickhouse-connect sends parameters that are too long for a URL."""

from __future__ import annotations

import re

from otelhouse.clickhouse_server.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, ServerError

MAX_BYTES = 16 << 20

_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?')
_NAME = re.compile(rb'[; ]name="([^"]*)"')


def is_form(content_type: str) -> bool:
    """Whether the body is a multipart form."""
    return content_type.lower().startswith("multipart/form-data")


def text_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Fields of a form by name. Raises ServerError if it is broken or brings files (external tables)."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise ServerError(BAD_ARGUMENTS, "A multipart body without a boundary", "BAD_ARGUMENTS")
    fields: dict[str, str] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, separator, value = part.partition(b"\r\n\r\n")
        if not separator:
            continue
        name = _NAME.search(head)
        if name is None or b"filename=" in head:
            raise ServerError(NOT_IMPLEMENTED, "External data in a form is not supported", "NOT_IMPLEMENTED")
        fields[name[1].decode()] = value.decode("utf-8", "surrogateescape")
    return fields
