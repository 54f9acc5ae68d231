"""What ends the holding of a message: its success, or that the others succeed and it does not."""

import asyncio

import pytest

from axion_gen.runtime import DependencyUnavailable, PermanentError

from ..scenarios.service import Recorder, headers_of
from .inside import FIRST, SECOND, Engine, Lists, in_virtual_time
from .items import Context, ItemCreate, ItemDelete, MemoryBus

DELETE = b'{"id": "00000000-0000-0000-0000-000000000001", "reason": "old"}'


class Handlers(Recorder):
    """`cup` has a dependency of its own that is away for ever; the others take their time."""

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        self.begun.append(message.name)
        if message.name == "cup":
            raise DependencyUnavailable("its own")
        await (self.free.wait() if message.name in self.held else asyncio.sleep(5))
        self.ended.append(message.name)

    async def on_item_delete(self, message: ItemDelete, context: Context) -> None:
        await asyncio.sleep(5)
        self.ended.append("deleted")


@in_virtual_time
async def test_it_is_no_outage_where_its_handler_succeeds_with_another_message() -> None:
    """Else one message would keep the whole service from working for ever."""
    handlers, kafka = Handlers(), Lists()
    kafka.write("cup")
    for number in range(20):
        kafka.write("fine", key=b"%d" % number)
    engine = Engine(handlers, kafka, max_concurrent_handlers=3)
    await engine.start()
    await asyncio.sleep(120)
    kafka.write("later", partition=SECOND)
    await asyncio.sleep(120)
    (letter,) = engine.letters
    assert letter["x-dlq-error-type"] == b"DependencyUnavailable"
    assert handlers.ended == ["fine"] * 20 + ["later"]
    assert kafka.committed == {FIRST: 21, SECOND: 1}
    await engine.stop()


@pytest.mark.parametrize("what", ["another handler", "begun before"])
def test_other_successes_prove_nothing(what: str) -> None:
    @in_virtual_time
    async def run() -> None:
        handlers, kafka = Handlers("before"), Lists()
        if what == "begun before":
            kafka.write("before", partition=SECOND)
            kafka.write("cup")
        else:
            kafka.write("cup")
            for number in range(20):
                kafka.write(key=b"%d" % number, value=DELETE, headers=headers_of("item.delete"))
        engine = Engine(handlers, kafka, max_concurrent_handlers=3)
        await engine.start()
        await asyncio.sleep(5)
        handlers.free.set()
        await asyncio.sleep(200)
        assert len(handlers.ended) == (1 if what == "begun before" else 20)
        assert engine.held.count == 1
        assert engine.letters == []
        await engine.stop()

    run()


def group(*errors: Exception) -> Exception:
    return ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", errors)])


@pytest.mark.parametrize(
    ("error", "attempts", "held", "dead"),
    [
        (group(ValueError(), DependencyUnavailable("away")), 3, 1, 0),
        (group(KeyError(), PermanentError("never")), 1, 0, 1),
        (group(KeyError(), ValueError()), 3, 0, 1),
    ],
)
async def test_an_error_in_a_group_counts_as_by_itself(
    error: Exception, attempts: int, held: int, dead: int
) -> None:
    class Fails(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            raise error

    handlers = Fails()
    bus = MemoryBus(handlers)
    await bus.deliver(ItemCreate.model_validate_json(b'{"id": "%s", "name": "cup"}' % (b"0" * 32)))
    assert (len(handlers.begun), len(bus.held), len(bus.dead)) == (attempts, held, dead)


@in_virtual_time
async def test_a_group_with_an_outage_in_it_is_held() -> None:
    class Fails(Recorder):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.begun.append(message.name)
            if self.held:
                raise group(DependencyUnavailable("away"))

    handlers, kafka = Fails("cup"), Lists()
    kafka.write("cup")
    engine = Engine(handlers, kafka)
    await engine.start()
    await asyncio.sleep(10)
    assert engine.held.count == 1
    handlers.held.clear()
    await asyncio.sleep(30)
    assert kafka.committed == {FIRST: 1}
    await engine.stop()
