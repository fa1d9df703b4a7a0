"""The all-in-one that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.components import Component
from tests.support.up import start_up


@pytest.fixture(scope="package")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    """A running `otelhouse up`; it ends in order."""
    component = start_up(tmp_path_factory.mktemp("laptop"))
    yield component
    assert component.stop() == 0
