"""`kafka`: one real Apache Kafka for all tests that need one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server import KafkaServer, KafkaUnavailable


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[KafkaServer]:
    """Running when the test begins; a test that stops it starts it again.

    Where Kafka cannot run the tests are skipped; with AXION_REQUIRE_KAFKA=1 they fail.
    """
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("kafka")
    missing = ""
    # What is fetched, and that it takes a while, is to be seen while it goes on.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        try:
            server = KafkaServer(folder)
        except KafkaUnavailable as error:
            missing = str(error)
    if missing and os.environ.get("AXION_REQUIRE_KAFKA") == "1":
        pytest.fail(missing, pytrace=False)
    if missing:
        pytest.skip(missing)
    try:
        server.start()
        yield server
    finally:
        server.stop()
