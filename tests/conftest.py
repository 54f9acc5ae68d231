from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import postgresql as postgresql
from tests.servers import redis as redis

# How long an example takes says more of the machine than of what is tested.
settings.register_profile("axion", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("axion")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is generated now over tests/generator/golden, to be reviewed in the diff",
    )
    parser.addoption(
        "--corpus",
        type=Path,
        metavar="PATH",
        help="run axion-gen over the documents in PATH/valid and PATH/invalid",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.name == "test_corpus.py" and config.getoption("--corpus") is None:
        return True
    return None
