"""The memory store by itself."""

import pytest

from axion_gen.runtime.stores import MemoryStore

from .records import Record, delivery_of

SIZE = 10


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(size=SIZE)


def deliver(store: MemoryStore, record: Record) -> bool:
    """One delivery as the bus has it; whether it was handled."""
    delivery = delivery_of(record)
    if store.begin(delivery).processed:
        return False
    store.end(delivery)
    return True


def test_what_was_handled_is_not_handled_again(store: MemoryStore) -> None:
    record = Record(offset=7)
    assert deliver(store, record)
    assert not deliver(store, record)
    assert deliver(store, Record(offset=7, partition=1))


def test_it_forgets_the_oldest_and_keeps_half_of_its_size_at_least(store: MemoryStore) -> None:
    records = [Record(offset=offset) for offset in range(50)]
    for number, record in enumerate(records):
        assert deliver(store, record)
        last = records[max(0, number - SIZE // 2 + 1) : number + 1]
        assert all(store.begin(delivery_of(known)).processed for known in last)
        kept = [known for known in records if store.begin(delivery_of(known)).processed]
        assert len(kept) <= SIZE


@pytest.mark.parametrize("changed", ["message_id", "timestamp"])
def test_a_topic_made_again_is_handled_again(
    store: MemoryStore, caplog: pytest.LogCaptureFixture, changed: str
) -> None:
    old = Record(offset=3, timestamp=1_700_000_000_000)
    deliver(store, old)
    new = (
        Record(offset=3, timestamp=old.timestamp)
        if changed == "message_id"
        else Record(offset=3, message_id=old.message_id)
    )
    assert deliver(store, new)
    assert "item.commands[0]@3: another record was processed at this offset" in caplog.text
    assert not deliver(store, new)
