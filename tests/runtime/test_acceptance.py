"""What cannot be read is a dead letter at once, and no handler sees half of it."""

from uuid import uuid4

import pytest
from pydantic import BaseModel, field_validator

from axion_gen.runtime import Contract, Message, Topic, testing

from .items import Client, Context, ItemCreate, Quiet


class Panic(BaseException):
    """As a library in Rust raises it."""


FAULTS: dict[str, type[BaseException]] = {"key": KeyError, "panic": Panic}


class Faulty(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def breaks(cls, name: str) -> str:
        raise FAULTS[name](f"secret {name}")


TOPIC = Topic("faulty", messages=(Message("faulty", Faulty, handler="on_item_create"),))
CONTRACT = Contract("Faulty", "1.0.0", (TOPIC,))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("typed", [True, False])
async def test_a_fault_of_a_validator_is_invalid_and_no_attempt(name: str, typed: bool) -> None:
    class Handlers(Quiet):
        calls = 0

        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            self.calls += 1

    handlers = Handlers()
    bus = testing.MemoryBus(handlers, CONTRACT, Client)
    ids = {name: str(uuid4()).encode() for name in ("x-correlation-id", "x-causation-id")}
    said = {**ids, "x-user-id": b"ada", "x-project-id": b"looms", "x-timestamp": b"1"}
    if typed:
        said["x-message-type"] = b"faulty"
    await bus.deliver_raw("faulty", None, b'{"name": "%s"}' % name.encode(), tuple(said.items()))
    (dead,) = bus.dead
    kind = FAULTS[name].__qualname__
    assert dead.reason == f"InvalidMessageError: it cannot be read: {kind}"
    assert dict(dead.headers)["x-dlq-attempts"] == b"0"
    assert handlers.calls == 0
