"""Errors that end a component; everything else is counted, retried or answered to the client."""

from __future__ import annotations


class StartupError(Exception):
    """A component cannot start. The message is one line for the operator and names the setting, port or directory."""
