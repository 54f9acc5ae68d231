"""On a real Kafka: topics that are found as they are made, and replies that find their request."""

import asyncio
import sys
from typing import Any

import pytest

from axion_gen import runtime
from axion_gen.runtime import Contract, KafkaSettings
from axion_gen.runtime.kafka import connection

from ..runtime.kafka import until, write
from ..runtime.test_addresses import LOGS, Client, Handlers, Logged, LogsTopic
from ..runtime.test_replies import ANSWERS, ASKS, Answers, Locate, Located, Ping, Pong
from ..runtime.test_replies import Client as Asking
from .server import DEAD_LETTERS, KafkaServer

pytestmark = pytest.mark.kafka


def settings_on(kafka: KafkaServer, prefix: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=prefix)


async def test_two_instances_share_the_topics_of_a_pattern(
    kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[connection.__module__], "METADATA_AGE_S", 0.5)
    prefix = "addresses."
    kafka.create_topic(f"{prefix}shop-dlq", config=DEAD_LETTERS)
    for topic in ("shop-replay", "logs.info.1", "logs.info.x-dlq", "logs.info.x.y", "logs.debug.1"):
        kafka.create_topic(prefix + topic)

    def instance() -> runtime.Bus[Client, Handlers]:
        contract = Contract("Logs", "1", (LOGS,))
        return runtime.Bus("shop", contract, Client, settings_on(kafka, prefix))

    one, other, handlers = instance(), instance(), Handlers()

    def shared() -> set[str]:
        consumers = [bus.consumer for bus in (one, other)]
        return {place.topic for c in consumers if c is not None for place in c.assignments}

    async with one.run(handlers), other.run(handlers):
        await one.client.emit(LogsTopic(level="info", order_id="1"), Logged(id="1"))
        await until(lambda: len(handlers.seen) == 1, "the topic that was there is read")
        assert shared() == {f"{prefix}logs.info.1", f"{prefix}shop-replay"}
        kafka.create_topic(f"{prefix}logs.warn.2")
        await other.client.emit(LogsTopic(level="warn", order_id="2"), Logged(id="2"))
        await until(lambda: len(handlers.seen) == 2, "the new one is read from its beginning")
        assert f"{prefix}logs.warn.2" in shared()
    assert [values for _, values in handlers.seen] == [
        {"level": "info", "order-id": "1"},
        {"level": "warn", "order-id": "2"},
    ]


async def test_replies_come_to_the_instance_that_asked(kafka: KafkaServer) -> None:
    prefix = "replies."
    kafka.create_topic(f"{prefix}answerer-dlq", config=DEAD_LETTERS)
    for topic in ("answerer-replay", "pings", "pongs", "locations", "asker-replies"):
        kafka.create_topic(prefix + topic, 3)
    await write(kafka.bootstrap_servers, f"{prefix}pongs", b'{"id":"old","request":7}')

    def bus_of(service: str, contract: Contract) -> runtime.Bus[Asking, Any]:
        return runtime.Bus(service, contract, Asking, settings_on(kafka, prefix))

    one, other = bus_of("asker", ASKS), bus_of("asker", ASKS)
    async with bus_of("answerer", ANSWERS).run(Answers()), one.run(), other.run():
        for bus in (one, other):
            pongs = await asyncio.gather(
                *(
                    bus.client.request("pings", Ping(id=str(number), request=7))
                    for number in range(50)
                )
            )
            assert pongs == [Pong(id=str(number), request=7) for number in range(50)]
            located = await bus.client.request("locations", Locate(id="here"))
            assert located == Located(place="at here")
