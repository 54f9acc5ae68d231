"""The headers on the wire: what is written can be read, what is wrong is named."""

import re
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axion_gen.runtime import InvalidMessageError
from axion_gen.runtime.headers import (
    IN_ORDER,
    MANDATORY,
    MAX_VALUE_BYTES,
    Headers,
    _decode_any,
    are_in_order,
    decode,
    in_order,
)
from axion_gen.runtime.testing.memory import MemoryRecord

GOOD = {
    "x-correlation-id": b"7a0f9c5e-4f0e-4a5e-9d8e-1f2d3c4b5a69",
    "x-causation-id": b"item.events:0:7",
    "x-user-id": b"ada",
    "x-project-id": b"looms",
    "x-timestamp": b"1795539803196",
}


def record(*headers: tuple[str, bytes | None]) -> MemoryRecord:
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


UUIDS = st.uuids().map(lambda value: str(value).encode())
VALUES = st.one_of(
    st.sampled_from([b"ada", b"1795539803196", b"", b"0", b"a\nb", b"\n", b"\x7f"]),
    st.sampled_from([b"a" * size for size in (700, 1023, 1024, 1025)]),
    st.sampled_from(["\u0085", "n\u00e9", "\u0663", "\u2028", "x" * 1023 + "\u00e9"]).map(
        str.encode
    ),
    st.sampled_from([b"\xff", b"\xed\xa0\x80", b"{0}", b" "]),
    UUIDS,
    UUIDS.map(bytes.upper),
    st.none(),
    st.binary(max_size=20),
)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200)
WRITTEN = st.builds(
    Headers,
    correlation_id=st.uuids().map(str),
    causation_id=ASCII,
    user_id=ASCII,
    project_id=ASCII,
    timestamp=st.integers(0, 10**14),
    message_id=st.uuids().map(str),
    message_type=ASCII,
).map(Headers.encode)
"""As our own client writes them."""
CHANGED = st.tuples(
    WRITTEN,
    st.lists(st.tuples(st.integers(0, 6), VALUES), max_size=2),
    st.lists(st.tuples(st.sampled_from([*IN_ORDER, "other"]), VALUES), max_size=2),
    st.sampled_from(["as they are", "more", "less", "mixed"]),
    st.randoms(use_true_random=False),
)


def change(changed: Any) -> list[tuple[str, bytes | None]]:
    headers: list[tuple[str, bytes | None]]
    headers, others, more, how, random = changed
    for index, value in others:
        headers[index] = (headers[index][0], value)
    if how == "more":
        return [*headers, *more]
    if how != "as they are":
        random.shuffle(headers)
    return headers[: random.randint(0, len(headers))] if how == "less" else headers


@given(st.one_of(WRITTEN, CHANGED.map(change)), st.booleans())
def test_the_quick_way_and_the_slow_way_agree(
    headers: list[tuple[str, bytes | None]], foreign: bool
) -> None:
    written = record(*headers)
    quick = in_order(written.headers) if are_in_order(written.headers) else None
    try:
        slow = _decode_any(written, foreign, None)
    except InvalidMessageError as error:
        assert quick is None, error  # noqa: PT017 - either end is right
        with pytest.raises(InvalidMessageError, match=re.escape(str(error))):
            decode(written, foreign_producers=foreign)
    else:
        assert quick in (None, slow)
        assert decode(written, foreign_producers=foreign) == slow


def test_what_our_client_writes_goes_the_quick_way() -> None:
    headers = [*GOOD.items(), ("x-message-id", str(uuid4()).encode()), ("x-message-type", b"cup")]
    assert are_in_order(headers)
    assert are_in_order([*headers, ("traceparent", None)])


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
