"""What a dead letter says of its record (standard, section 4)."""

from uuid import uuid4

from axion_gen.runtime.identifiers import idempotency_key

from .items import Context, ItemCreate, MemoryBus, Quiet
from .test_dead_letters import BLOCK

CUP = ItemCreate(id=uuid4(), name="cup")


class Fails(Quiet):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        secret = "hunter2"
        raise ValueError("é" * 4000 + secret)


class Deep(Quiet):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        # By turns: a stack shows lines that repeat themselves once.
        def descend(depth: int) -> None:
            if not depth:
                raise LookupError("at the bottom")
            go_on(depth - 1)

        def go_on(depth: int) -> None:
            descend(depth)

        descend(300)


async def test_it_says_where_the_record_was_who_failed_and_why() -> None:
    bus = MemoryBus(Fails())
    delivered = await bus.deliver(CUP)
    (dead,) = bus.dead
    size = len(delivered.record.headers)
    assert dead.headers[:size] == tuple(delivered.record.headers)
    assert [name for name, _ in dead.headers[size:]] == [name for name, _ in BLOCK]
    said = dict(dead.headers[size:])
    assert said["x-dlq-id"] == idempotency_key("item.commands", 0, 0).encode()
    assert said["x-dlq-topic"] == b"item.commands"
    assert (said["x-dlq-partition"], said["x-dlq-offset"]) == (b"0", b"0")
    assert said["x-dlq-timestamp"] == str(delivered.record.timestamp).encode()
    assert said["x-dlq-error-type"] == b"ValueError"
    assert (said["x-dlq-attempts"], said["x-dlq-replays"]) == (b"3", b"0")
    assert int(said["x-dlq-failed-at"] or b"") > 1_700_000_000_000


async def test_its_texts_are_bounded_and_show_no_values() -> None:
    bus = MemoryBus(Fails())
    await bus.deliver(CUP)
    said = dict(bus.dead[0].headers)
    message, stack = said["x-dlq-error-message"] or b"", said["x-dlq-stack-trace"] or b""
    assert message.decode() == "é" * 512, "1 KiB, and no half of a character"
    assert b"raise ValueError" in stack
    assert b"hunter2" not in stack.replace(b'secret = "hunter2"', b"")


async def test_of_a_long_stack_it_has_the_innermost_part() -> None:
    bus = MemoryBus(Deep())
    await bus.deliver(CUP)
    stack = dict(bus.dead[0].headers)["x-dlq-stack-trace"] or b""
    assert 8000 < len(stack) <= 8192
    assert b"at the bottom" in stack
