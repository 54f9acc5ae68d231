from collections.abc import Iterator

import pytest

from axion_gen.runtime.testing import EmbeddedBroker

from .service import SERVICE_TOPICS


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker
