"""Ids that others recompute: the values here are the standard's test vectors."""

from uuid import UUID

from axion_gen.runtime.identifiers import derived_message_id, idempotency_key, new_message_id


def test_idempotency_keys() -> None:
    # printf 'item.commands:2:41' | sha256sum
    assert (
        idempotency_key("item.commands", 2, 41)
        == "757f11d23f3c571790063998733f36bde143bafa6012da62863f71357a61234d"
    )


def test_derived_ids_follow_from_cause_and_ordinal() -> None:
    cause = "018f4e2a-7b1c-7def-8a90-123456789abc"
    first = derived_message_id(cause, 0)
    assert first == derived_message_id(cause, 0) != derived_message_id(cause, 1)
    assert UUID(first).version == 5
    assert UUID(derived_message_id("readings:2:7", 0)).version == 5


def test_new_ids_are_uuid7_and_sort_by_time() -> None:
    ids = [UUID(new_message_id()) for _ in range(100)]
    assert {(id_.version, id_.variant) for id_ in ids} == {(7, ids[0].variant)}
    assert "RFC 4122" in ids[0].variant
    times = [id_.int >> 80 for id_ in ids]
    assert times == sorted(times)
    assert len(set(ids)) == 100
