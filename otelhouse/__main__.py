"""`python -m otelhouse`: the same as the `otelhouse` command."""

from __future__ import annotations

from otelhouse.cli import main

main()
