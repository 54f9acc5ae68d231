"""How long a stop may take: the limits of its steps, which follow one another."""

import re
from pathlib import Path

from axion_gen.runtime import KafkaSettings, consumer, open_letters, requests
from axion_gen.runtime.kafka import consumer as kafka_consumer
from axion_gen.runtime.kafka import line, producer
from axion_gen.runtime.sql import relay, store

PRODUCER_S = producer.FLUSH_TIMEOUT_S + 3 * line.GOODBYE_S


def steps_of_the_bus(settings: KafkaSettings) -> dict[str, float]:
    """The steps by which the bus stops, and how long each may take, in seconds."""
    return {
        "finish what runs": settings.drain_timeout_s,
        "cancel what has not ended": consumer.FIRST_PAUSE_S,
        "commit": max(1.0, settings.rebalance_timeout_s - settings.drain_timeout_s),
        "leave the group": kafka_consumer.LEAVE_TIMEOUT_S + 1.0 + consumer.FIRST_PAUSE_S,
        "stop counting dead letters": open_letters.STOP_S,
        "let go of the store": store.PATIENCE_S,
        "flush and close the producer of dead letters": PRODUCER_S,
        "stop the relay of the outbox": relay.STOP_S + 2 * relay.FAREWELL_S,
        "stop reading replies": requests.STOP_S,
        "flush and close the producer": PRODUCER_S,
    }


def steps(service: Path) -> dict[str, float]:
    """The same of a copied service, with its own defaults."""
    (package,) = (service / "src").iterdir()
    main = (package / "__main__.py").read_text()
    database = package / "database.py"
    found = {"answer requests": _number(r"timeout_graceful_shutdown=(\d+)", main)}
    if (service / "compose.yaml").exists():
        found |= steps_of_the_bus(KafkaSettings())
    if database.exists():
        found["close the database"] = _number(r"CLOSE_S: Final = (\d+)", database.read_text())
    return found


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, pattern
    return float(found[1])
