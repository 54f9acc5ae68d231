"""A dead letter topic that cannot be written: nothing is lost, nothing is skipped."""

import ctypes

import pytest

from axion_gen.runtime import PermanentError
from axion_gen.runtime.interceptors import insistence
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.testing.broker import ApiKey
from axion_gen.runtime.testing.librdkafka import load

from ..runtime.items import Context, ItemCreate
from ..runtime.kafka import committed, end_offset, read, until
from .service import COMMANDS, GROUP, LETTERS, Recorder, bus_on, command

MESSAGE_TOO_LARGE = 10
TOPIC_AUTHORIZATION_FAILED = 29


class Fails(Recorder):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        if message.name == "fails":
            self.begun.append(message.name)
            raise PermanentError("for good")
        await super().on_item_create(message, context)


@pytest.mark.parametrize("code", [TOPIC_AUTHORIZATION_FAILED, MESSAGE_TOO_LARGE])
async def test_its_partition_waits_and_the_others_go_on_until_it_can_be_written(
    broker: EmbeddedBroker,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    monkeypatch.setattr(insistence, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(insistence, "LONGEST_PAUSE_S", 0.1)
    here = [f"here {number}" for number in range(12)]
    elsewhere = [f"elsewhere {number}" for number in range(12)]
    await command(broker, "fails", key=b"bad", partition=0)
    await command(broker, *here, key=b"good", partition=0)
    await command(broker, *elsewhere, partition=1)
    broker.push_errors(ApiKey.PRODUCE, *[code] * 1000)

    handlers = Fails()
    bus = bus_on(broker, max_in_flight_per_partition=4)
    async with bus.run(handlers):
        await until(lambda: caplog.text.count("cannot be written, next try") >= 5, "it is tried")
        await until(lambda: set(elsewhere) <= set(handlers.ended), "other partitions go on")
        await until(lambda: bus.statistics.commits > 0, "and are committed")
        assert len(set(here) & set(handlers.ended)) <= 3, "what is taken is bounded"
        assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) in (0, None)

        load().rd_kafka_mock_clear_request_errors(ctypes.c_void_p(broker._cluster), ApiKey.PRODUCE)
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
        await until(lambda: set(here) <= set(handlers.ended), "its partition goes on")
    assert letter.key == b"bad"
    assert dict(letter.headers)["x-dlq-error-message"] == b"for good"
    assert handlers.begun.count("fails") == 1, "the letter was tried again, not the handler"
    assert len(handlers.ended) == len(here) + len(elsewhere)
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 1
    assert await committed(broker.bootstrap_servers, GROUP, COMMANDS, 0) == 13


async def test_a_letter_that_is_too_large_goes_without_its_reasons(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insistence, "FIRST_PAUSE_S", 0.02)
    await command(broker, "fails")
    broker.push_errors(ApiKey.PRODUCE, MESSAGE_TOO_LARGE)
    async with bus_on(broker).run(Fails()):
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
    said = dict(letter.headers)
    assert (said["x-dlq-error-message"], said["x-dlq-stack-trace"]) == (b"", b"")
    assert said["x-dlq-error-type"] == b"PermanentError"
