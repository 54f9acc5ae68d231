"""Fixtures for pytest: `pytest_plugins = ["<package>.bus.runtime.testing.fixtures"]`."""

from collections.abc import Iterator

import pytest

from .broker import EmbeddedBroker


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """A broker of this test's own, without topics; it starts in about a millisecond."""
    with EmbeddedBroker() as broker:
        yield broker
