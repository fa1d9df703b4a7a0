"""Children's output on our standard error: structured lines pass through, the rest gets the child's name."""

from __future__ import annotations

import sys

from otelhouse.telemetry import get_logger

_log = get_logger("otelhouse.up.child")


def forward(json_lines: bool, name: str, line: str, is_log: bool) -> None:
    """Pass one line on. With `json_lines`, ours are objects; else they are for a reader, and named already."""
    text = line.rstrip()
    if not text:
        return
    if is_log and (text.startswith("{") if json_lines else "component=" in text):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    elif is_log:
        _log.warning(text, component=name)
    else:
        _log.debug(text, component=name)
