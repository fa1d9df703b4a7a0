"""Real servers that tests of several rooms share."""

from __future__ import annotations

pytest_plugins = ["tests.support.clickhouse", "tests.support.kafka", "tests.support.postgres", "tests.support.stores"]
