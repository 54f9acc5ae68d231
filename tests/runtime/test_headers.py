"""The headers on the wire: what is written can be read, what is wrong is named."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axion_gen.runtime import InvalidMessageError
from axion_gen.runtime.headers import MANDATORY, MAX_VALUE_BYTES, Headers, decode
from axion_gen.runtime.testing.memory import MemoryRecord

GOOD = {
    "x-correlation-id": b"7a0f9c5e-4f0e-4a5e-9d8e-1f2d3c4b5a69",
    "x-causation-id": b"item.events:0:7",
    "x-user-id": b"ada",
    "x-project-id": b"looms",
    "x-timestamp": b"1795539803196",
}


def record(*headers: tuple[str, bytes]) -> MemoryRecord:
    return MemoryRecord("readings", 2, 7, 1795539803000, b"key", b"{}", headers)


def good_but(**changed: bytes | None) -> MemoryRecord:
    names = {name.replace("_", "-"): value for name, value in changed.items()}
    pairs = {**GOOD, **names}
    return record(*((name, value) for name, value in pairs.items() if value is not None))


text = st.text(
    st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=MAX_VALUE_BYTES // 4
)


@given(
    st.builds(
        Headers,
        correlation_id=st.uuids().map(str),
        causation_id=text,
        user_id=text,
        project_id=text,
        timestamp=st.integers(0, 99_999_999_999_999),
        message_id=st.uuids().map(str),
        message_type=text,
    )
)
def test_what_is_written_can_be_read(headers: Headers) -> None:
    assert decode(record(*headers.encode())) == headers


@given(st.lists(st.tuples(st.sampled_from([*GOOD, "x-message-id", "other"]), st.binary())))
def test_any_headers_are_read_or_refused(headers: list[tuple[str, bytes]]) -> None:
    try:
        decode(record(*headers))
    except InvalidMessageError as error:
        assert str(error).startswith("header x-")  # noqa: PT017 - either end is right


@pytest.mark.parametrize("name", MANDATORY)
def test_a_missing_mandatory_header_is_named(name: str) -> None:
    with pytest.raises(InvalidMessageError, match=f"header {name} is missing"):
        decode(good_but(**{name: None}))


@pytest.mark.parametrize("name", MANDATORY)
def test_a_header_that_is_there_twice_is_named(name: str) -> None:
    twice = record(*GOOD.items(), (name, GOOD[name]))
    with pytest.raises(InvalidMessageError, match=f"header {name} is there twice"):
        decode(twice)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("x-correlation-id", b"1", "is not a UUID"),
        ("x-message-id", b"1", "is not a UUID"),
        ("x-timestamp", b"now", "is not Unix milliseconds"),
        ("x-timestamp", b"-1", "is not Unix milliseconds"),
        ("x-timestamp", b"9" * 15, "is not Unix milliseconds"),
        ("x-user-id", b"", "is empty"),
        ("x-user-id", b"\xff", "is not UTF-8"),
        ("x-user-id", b"a\nb", "contains control characters"),
        ("x-project-id", b"a" * 1025, "is longer than 1024 bytes"),
    ],
)
def test_a_malformed_value_is_refused(name: str, value: bytes, fault: str) -> None:
    with pytest.raises(InvalidMessageError, match=f"header {name} {fault}"):
        decode(good_but(**{name: value}))


def test_a_record_without_message_id_is_known_by_its_place() -> None:
    assert decode(good_but()).message_id == "readings:2:7"


def test_foreign_producers_start_chains() -> None:
    headers = decode(record(), foreign_producers=True)
    assert (headers.user_id, headers.project_id) == (None, None)
    assert headers.causation_id == headers.message_id == "readings:2:7"
    assert headers.timestamp == 1795539803000
    assert decode(record(), foreign_producers=True) == headers, "a redelivery is the same chain"


def test_what_foreign_producers_do_send_must_be_right() -> None:
    with pytest.raises(InvalidMessageError, match="x-timestamp"):
        decode(record(("x-timestamp", b"soon")), foreign_producers=True)


def test_headers_of_others_are_none_of_our_business() -> None:
    other = ("traceparent", uuid4().bytes)
    assert decode(record(*GOOD.items(), other, other)).user_id == "ada"
