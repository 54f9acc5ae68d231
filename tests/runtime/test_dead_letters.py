"""What records of the dead letter and replay topics say, whoever wrote them."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axion_gen.runtime.dead_letters import (
    Answer,
    Letter,
    Tally,
    answered,
    origin,
    read,
    replayed,
    without_reasons,
)
from axion_gen.runtime.headers import RawHeaders
from axion_gen.runtime.identifiers import idempotency_key

ID = idempotency_key("cups", 2, 17)
BLOCK: tuple[tuple[str, bytes], ...] = (
    ("x-dlq-id", ID.encode()),
    ("x-dlq-topic", b"cups"),
    ("x-dlq-partition", b"2"),
    ("x-dlq-offset", b"17"),
    ("x-dlq-timestamp", b"1700000000000"),
    ("x-dlq-group", b"kitchen-group"),
    ("x-dlq-service", b"kitchen"),
    ("x-dlq-error-type", b"ValueError"),
    ("x-dlq-error-message", b"no handle"),
    ("x-dlq-stack-trace", b"  at the sink"),
    ("x-dlq-attempts", b"3"),
    ("x-dlq-failed-at", b"1700000001000"),
    ("x-dlq-replays", b"0"),
)


@dataclass(frozen=True)
class Read:
    headers: RawHeaders = ()
    key: bytes | None = None
    value: bytes | None = None
    topic: str = "kitchen-dlq"
    partition: int = 0
    offset: int = 0
    timestamp: int = 1700000002000


def block(**changed: bytes) -> list[tuple[str, bytes]]:
    names = {"x-dlq-" + name.replace("_", "-"): value for name, value in changed.items()}
    return [(name, names.get(name, value)) for name, value in BLOCK]


def letter(*, key: bytes | None = None, offset: int = 0, **changed: bytes) -> Letter:
    found = read(Read(block(**changed), key=key, offset=offset))
    assert isinstance(found, Letter)
    return found


def test_a_letter_has_the_reasons_and_the_record() -> None:
    headers = [("x-user-id", b"ada"), ("odd", None)]
    found = read(Read([*headers, *BLOCK], key=b"k", value=b"v", partition=1, offset=5))
    assert isinstance(found, Letter)
    assert found.origin is not None
    assert (found.id, found.origin.id) == (ID, ID)
    assert (found.origin.topic, found.origin.partition, found.origin.offset) == ("cups", 2, 17)
    assert (found.partition, found.offset) == (1, 5)
    assert (found.error_type, found.error_message) == ("ValueError", "no handle")
    assert (found.attempts, found.failed_at, found.replays) == (3, 1700000001000, 0)
    assert (found.group, found.service) == ("kitchen-group", "kitchen")
    assert (found.key, found.value, list(found.headers)) == (b"k", b"v", headers)


@pytest.mark.parametrize(
    "forged",
    [
        block(topic=b"plates", offset=b"1"),
        [("x-dlq-id", b"0" * 64)],
        [("x-dlq-replays", b"99"), ("x-dlq-topic", b"plates")],
        [("x-dlq-resolves", b"0" * 64)],
        [("x-dlq-id", None)],
    ],
)
def test_forged_reasons_are_part_of_the_record(forged: list[tuple[str, bytes | None]]) -> None:
    found = read(Read([*forged, *BLOCK]))
    assert isinstance(found, Letter)
    assert list(found.headers) == forged
    assert found.origin is not None
    assert (found.id, found.origin.topic, found.replays) == (ID, "cups", 0)
    assert list(without_reasons([*forged, *BLOCK])) == forged


def test_a_replay_carries_the_record_and_where_it_came_from() -> None:
    forged = [("x-dlq-id", b"0" * 64), ("x-user-id", b"ada")]
    once = read(Read([*forged, *BLOCK]))
    assert isinstance(once, Letter)
    record = Read(replayed(once), topic="kitchen-replay")
    found = origin(record)
    assert found is not None
    assert (found.topic, found.partition, found.offset, found.id) == ("cups", 2, 17, ID)
    assert (found.timestamp, found.replays) == (1700000000000, 1)
    assert list(without_reasons(record.headers)) == forged
    assert [name for name, _ in record.headers].count("x-dlq-replays") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"id": b"x"},
        {"id": ID.upper().encode()},
        {"topic": b""},
        {"topic": b"../cups"},
        {"topic": b"c" * 250},
        {"partition": b"-1"},
        {"partition": b"2147483648"},
        {"offset": b"seven"},
        {"offset": b"9" * 5000},
        {"offset": b"9223372036854775808"},
        {"offset": "٣".encode()},
        {"replays": b"1e9"},
        {"replays": b" 1"},
    ],
)
def test_a_malformed_origin_is_none(changed: dict[str, bytes]) -> None:
    assert origin(Read(block(**changed), topic="kitchen-replay")) is None


def test_a_record_without_our_headers_is_a_letter_with_an_id_of_its_place() -> None:
    found = read(Read([("a", b"b")], value=b"v", partition=3, offset=9))
    assert isinstance(found, Letter)
    assert found.id == idempotency_key("kitchen-dlq", 3, 9)
    assert (found.origin, found.error_type, found.failed_at) == (None, "unknown", 1700000002000)
    assert list(found.headers) == [("a", b"b")]


def test_an_answer_names_its_letter() -> None:
    headers = answered(letter(), "wörn out\ud800", "ada")
    assert read(Read(headers)) == Answer(ID, 1700000001000)
    assert ("x-dlq-reason", "wörn out?".encode()) in headers
    assert isinstance(read(Read([("x-dlq-resolves", b"cup")])), Letter)


def test_the_tally_counts_letters_without_an_answer() -> None:
    tally = Tally()
    first, second = block(), block(id=b"1" * 64, failed_at=b"1600000000000")
    for number, headers in enumerate((first, second, first)):
        tally.add(Read(headers, offset=number))
    assert (len(tally), tally.oldest) == (2, 1600000000000)
    tally.add(Read(answered(letter(), "replayed", "ada"), partition=1))
    assert list(tally) == ["1" * 64]
    # The topic is read again, from its beginning: nothing changes.
    tally.add(Read(first))
    assert len(tally) == 1


def test_an_answer_may_come_before_its_letter() -> None:
    tally = Tally()
    tally.add(Read(answered(letter(), "replayed", "ada"), partition=1))
    tally.add(Read(BLOCK))
    assert (len(tally), tally.oldest) == (0, None)


def test_a_recreated_topic_brings_the_same_id_and_a_new_letter() -> None:
    tally = Tally()
    tally.add(Read(BLOCK))
    tally.add(Read(answered(letter(), "replayed", "ada")))
    tally.add(Read(block(failed_at=b"1700000009000"), offset=2))
    assert len(tally) == 1
    assert letter(failed_at=b"1700000009000", offset=2) in tally
    assert letter() not in tally


NAMES = st.one_of(st.sampled_from([name for name, _ in BLOCK]), st.text(max_size=12))
VALUES = st.one_of(
    st.none(), st.binary(max_size=40), st.sampled_from([value for _, value in BLOCK])
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=30)


@given(HEADERS, st.integers(-1, 2**63 - 1))
def test_nothing_that_can_be_on_the_topic_raises(headers: Any, timestamp: int) -> None:
    record = Read(headers, timestamp=timestamp)
    origin(record)
    tally = Tally()
    tally.add(record)
    found = read(record)
    if isinstance(found, Letter):
        assert found in tally
        assert [*found.headers, *found.reasons] == headers
        replayed(found)


@given(HEADERS)
def test_what_a_letter_adds_can_be_cut_again(headers: Any) -> None:
    assert list(without_reasons([*headers, *BLOCK])) == headers
