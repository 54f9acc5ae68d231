"""Traits, merged as each version of the specification says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from axion_gen.asyncapi.contract import Message

from .generating import contract_of, found_in

MESSAGE = "{traits: [%s], description: its own, payload: {type: object}, %s}"


def in_2(traits: str, more: str = "x-own: 1") -> str:
    return f"""\
asyncapi: 2.6.0
info: {{title: T, version: '1'}}
channels: {{things: {{publish: {{message: {MESSAGE % (traits, more)}}}}}}}
components: {{messageTraits: {{shared: {{name: shared}}}}}}
"""


def in_3(traits: str, more: str = "x-own: 1") -> str:
    return f"""\
asyncapi: 3.0.0
info: {{title: T, version: '1'}}
channels: {{things: {{address: things, messages: {{m: {MESSAGE % (traits, more)}}}}}}}
operations: {{take: {{action: receive, channel: {{$ref: '#/channels/things'}}}}}}
components: {{messageTraits: {{shared: {{name: shared}}}}}}
"""


def message_of(folder: Path, text: str) -> Message:
    (message,) = contract_of(folder, text).topics[0].messages
    return message


@pytest.mark.parametrize("text", [in_2("{name: a}, {name: b}"), in_3("{name: a}, {name: b}")])
def test_a_later_trait_overrides_an_earlier_one(tmp_path: Path, text: str) -> None:
    assert message_of(tmp_path, text).name == "b"


@pytest.mark.parametrize("document", [in_2, in_3])
def test_a_trait_may_be_referred_to(tmp_path: Path, document: Callable[..., str]) -> None:
    text = document("{$ref: '#/components/messageTraits/shared'}")
    assert message_of(tmp_path, text).name == "shared"


def test_in_version_2_a_trait_is_merged_into_the_message(tmp_path: Path) -> None:
    assert message_of(tmp_path, in_2("{description: of trait}")).description == "of trait"


def test_in_version_3_the_message_overrides_a_trait(tmp_path: Path) -> None:
    assert message_of(tmp_path, in_3("{description: of trait}")).description == "its own"


HEADERS = "headers: {type: object, properties: {%s}}"


@pytest.mark.parametrize("document", [in_2, in_3])
def test_what_both_describe_is_merged_key_by_key(
    tmp_path: Path, document: Callable[..., str]
) -> None:
    text = document(f"{{{HEADERS % 'a: {const: x}'}}}", HEADERS % "b: {const: y}")
    assert message_of(tmp_path, text).headers == {"a": "x", "b": "y"}


@pytest.mark.parametrize("document", [in_2, in_3])
def test_what_is_referred_to_is_merged_too(tmp_path: Path, document: Callable[..., str]) -> None:
    text = document("{headers: {$ref: '#/x-headers'}}", HEADERS % "b: {const: y}")
    text += "x-headers: {type: object, properties: {a: {const: x}}}\n"
    assert message_of(tmp_path, text).headers == {"a": "x", "b": "y"}


def test_headers_of_two_traits_in_version_3(tmp_path: Path) -> None:
    traits = f"{{{HEADERS % 'a: {const: x}'}}}, {{{HEADERS % 'b: {const: y}'}}}"
    assert [finding.rule for finding in found_in(tmp_path, in_3(traits))] == ["trait-conflict"]


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0"])
def test_traits_of_an_operation(tmp_path: Path, version: str) -> None:
    traits = "traits: [{bindings: {kafka: {groupId: {type: string, enum: [mine]}}}}]"
    if version == "2.6.0":
        text = in_2("").replace("publish: {", f"publish: {{{traits}, ")
    else:
        text = in_3("").replace("action:", f"{traits}, action:")
    assert contract_of(tmp_path, text).group_id == "mine"


def test_a_trait_that_says_what_a_trait_may_not(tmp_path: Path) -> None:
    found = found_in(tmp_path, in_3("{payload: {type: object}}"))
    assert [finding.rule for finding in found] == ["unknown-field"]
