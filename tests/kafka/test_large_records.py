"""Records as large as their topic takes, and dead letters that are larger than theirs takes."""

import asyncio

import pytest
from confluent_kafka import KafkaError, Producer

from axion_gen.runtime import StartError
from axion_gen.tools.dead_letter_queue import DeadLetterQueue

from ..runtime.items import Context, ItemCreate, Quiet
from ..runtime.kafka import end_offset, read
from .members import PATIENCE_S, Journal, Member, Place, Service, command, until
from .server import KafkaServer

pytestmark = pytest.mark.kafka


class Writer:
    """Writes records larger than a producer usually would."""

    def __init__(self, servers: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": servers, "message.max.bytes": 4_000_000, "log_level": 0}
        )

    def write(self, topic: str, value: bytes, **record: object) -> KafkaError | None:
        """Write a record; the error that it is refused with, if it is."""
        refused: list[KafkaError | None] = []
        self._producer.produce(
            topic,
            **{**command("large"), "value": value, **record},
            on_delivery=lambda error, _: refused.append(error),
        )
        assert self._producer.flush(PATIENCE_S) == 0
        return refused[0]

    def largest(self, topic: str) -> int:
        """The size of the largest value that a topic takes in such a record."""
        takes, refuses = 1_000_000, 1_100_000
        while refuses - takes > 1:
            middle = (takes + refuses) // 2
            if self.write(topic, bytes(middle)) is None:
                takes = middle
            else:
                refuses = middle
        return takes


async def fails(message: ItemCreate, context: Context) -> None:
    if message.note is not None and not context.replays:
        raise ValueError("x" * 100_000)


async def test_a_record_as_large_as_its_topic_takes(kafka: KafkaServer) -> None:
    service = Service(kafka, "largest", partitions=1)
    writer = Writer(kafka.bootstrap_servers)
    scratch = await asyncio.to_thread(kafka.create_topic, "largest.scratch")
    size = await asyncio.to_thread(writer.largest, scratch)
    invalid = bytes(size)
    begin = command("large", note="")["value"][:-2]
    valid = begin + b"x" * (size - len(begin) - 2) + b'"}'
    assert len(valid) == size
    for value in (invalid, valid):
        assert await asyncio.to_thread(writer.write, service.commands, value) is None
    assert await asyncio.to_thread(writer.write, service.commands, bytes(size + 1)) is not None

    journal = Journal()
    async with Member(service, "reads", journal, fails, retry_backoff_ms=1):
        letters = await read(kafka.bootstrap_servers, service.dead_letters, at_least=2)
        await until(service.is_committed, "it is committed")
        assert not journal.ended
        async with DeadLetterQueue("items", service.settings()) as queue:
            found = [letter async for letter in queue.letters(await queue.tally())]
            await queue.replay(found[1])
        await until(lambda: bool(journal.ended), "it is handled, reasons and all")
    assert [letter.value for letter in letters] == [invalid, valid]
    said = dict(letters[1].headers)
    assert len(said["x-dlq-error-message"] or b"") == 1024
    assert b"raise ValueError" in (said["x-dlq-stack-trace"] or b"")


async def test_a_letter_that_its_topic_does_not_take(
    kafka: KafkaServer, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service(kafka, "refused", partitions=2)
    writer = Writer(kafka.bootstrap_servers)
    journal = Journal()
    async with Member(service, "reads", journal, fails, retry_backoff_ms=1):
        # It was large enough at the start. What is said of it may be left out.
        await asyncio.to_thread(kafka.configure, service.dead_letters, max_message_bytes="6000")
        almost = command("large", note="x" * 4000)["value"]
        assert await asyncio.to_thread(writer.write, service.commands, almost, partition=0) is None
        (letter,) = await read(kafka.bootstrap_servers, service.dead_letters, at_least=1)
        assert letter.value == almost
        said = dict(letter.headers)
        assert (said["x-dlq-error-type"], said["x-dlq-error-message"]) == (b"ValueError", b"")
        await until(service.is_committed, "it is committed")

        # Nothing can be left out any more: the partition waits, the other one goes on.
        far = command("large", note="x" * 8000)["value"]
        assert await asyncio.to_thread(writer.write, service.commands, far, partition=0) is None
        what = "the dead letter cannot be written"
        await until(lambda: what in caplog.text, "it is said")
        fine = command("fine")["value"]
        assert await asyncio.to_thread(writer.write, service.commands, fine, partition=1) is None
        await until(lambda: Place(1, 0) in journal.ended, "the other partition goes on")

        async def other_is_committed() -> bool:
            return (await service.committed()).get(1) == 1

        await until(other_is_committed, "it is committed")
        assert (await service.committed())[0] == 1
        assert await end_offset(kafka.bootstrap_servers, service.dead_letters) == 1

        await asyncio.to_thread(kafka.configure, service.dead_letters, max_message_bytes="60000")
        letters = await read(kafka.bootstrap_servers, service.dead_letters, at_least=2)
        await until(service.is_committed, "it is committed")
        assert letters[1].value == far
        assert dict(letters[1].headers)["x-dlq-error-type"] == b"ValueError"


async def test_a_dead_letter_topic_that_is_too_small_stops_the_start(kafka: KafkaServer) -> None:
    service = Service(kafka, "small", partitions=1)
    await asyncio.to_thread(kafka.configure, service.dead_letters, max_message_bytes="1048588")
    with pytest.raises(StartError, match=r"--add-config max\.message\.bytes=1114124"):
        async with service.bus().run(Quiet()):
            pass


async def test_missing_topics_stop_the_start_and_are_not_created(kafka: KafkaServer) -> None:
    service = Service(kafka, "missing", partitions=1)
    missing = sorted((service.commands, service.dead_letters))
    for topic in missing:
        await asyncio.to_thread(kafka.delete_topic, topic)
    for _ in range(2):
        with pytest.raises(StartError, match=f"missing on .*: {', '.join(missing)};"):
            async with service.bus().run(Quiet()):
                pass
