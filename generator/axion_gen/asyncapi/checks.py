"""The rules that a whole contract is held to: what Kafka and the messaging standard demand.

A check is a function in `CHECKS` that goes through a contract and diagnoses.
"""

import re
from collections.abc import Callable
from typing import Final

from .contract import Contract, Definition, Message
from .diagnostics import Diagnostics, shown
from .telling import check_telling

Check = Callable[[Contract, Diagnostics], None]

_IN_BRACES: Final = re.compile(r"\{[^{}]+\}")
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_SCALARS: Final = {"string", "integer", "number", "boolean"}
_TYPES: Final = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def check_topics(contract: Contract, diagnostics: Diagnostics) -> None:
    """An address is a topic's name on Kafka; what a parameter makes of it is known later."""
    for topic in contract.topics:
        name = _IN_BRACES.sub("x", topic.address)
        if not _TOPIC.fullmatch(name) or name in (".", ".."):
            diagnostics.add(
                "topic-address",
                f"{shown(topic.address)} is no topic of Kafka",
                topic.location,
                "use letters, digits, `.`, `_` and `-`, at most 249 of them",
            )
        if topic.address.endswith("-dlq") and contract.messages(topic, "receive"):
            diagnostics.add(
                "topic-address",
                f"{shown(topic.address)} holds dead letters: no service receives them as messages",
                topic.location,
                "replay them with `axion`; receive the topic they came from",
            )


def check_names(contract: Contract, diagnostics: Diagnostics) -> None:
    """Messages on one topic are told apart by their names, which are values of a header."""
    for topic in contract.topics:
        seen: dict[str, Message] = {}
        for message in topic.messages:
            if not message.name.isprintable() or not 0 < len(message.name.encode()) <= 1024:
                diagnostics.add(
                    "invalid-value",
                    f"{shown(message.name)} is no value for the header x-message-type",
                    message.location,
                    "use a `name` of printable characters, at most 1 KiB",
                )
            if message.name in seen:
                diagnostics.add(
                    "message-duplicate",
                    f"two messages on {shown(topic.address)} have the name"
                    f" {shown(message.name)}; the other is on line"
                    f" {seen[message.name].location.line}",
                    message.location,
                    "give one of them another `name`",
                )
            seen[message.name] = message


def check_keys(contract: Contract, diagnostics: Diagnostics) -> None:
    """A record's key is a scalar of its payload that is always there."""
    for topic in contract.topics:
        for message in topic.messages:
            if message.key is not None:
                _check_key(contract, message, diagnostics)


def check_order(contract: Contract, diagnostics: Diagnostics) -> None:
    """Messages that tell one story by turns belong into one partition, which a key decides.

    Where a service sends several messages to a topic that says it has several partitions, each
    of them has a key; where it sends one, its order may well not matter.
    """
    for topic in contract.topics:
        sent = contract.messages(topic, "send")
        keyless = [m for m in sent if m.key is None and m.key_schema is None]
        if topic.partitions > 1 and len(sent) > 1 and keyless:
            names = ", ".join(shown(message.name, 30) for message in keyless[:3])
            diagnostics.add(
                "key-missing",
                f"no key in {names}{', …' if len(keyless) > 3 else ''}: on the"
                f" {topic.partitions} partitions of {shown(topic.address)} messages overtake each"
                " other",
                topic.location,
                "give each an `x-axion-key` or a `key` in its Kafka binding, or send one message"
                " to a topic",
            )


def _check_key(contract: Contract, message: Message, diagnostics: Diagnostics) -> None:
    assert message.key is not None  # noqa: S101 - the caller asked
    path, location = message.key.path, message.key.location
    definition: Definition = {"$ref": f"#/$defs/{message.payload}"} if message.payload else {}
    for depth, name in enumerate(path):
        holder = properties(contract, definition)
        if name not in holder.definitions:
            known = ", ".join(shown(known, 30) for known in list(holder.definitions)[:8])
            diagnostics.add(
                "key-expression",
                f"the payload of {shown(message.name)} has no property"
                f" {shown('/'.join(path[: depth + 1]))}",
                location,
                f"name one of {known}" if known else "describe the payload's properties",
            )
            return
        definition = holder.definitions[name]
        if name not in holder.required:
            last = depth == len(path) - 1
            diagnostics.add(
                "key-optional" if last else "key-expression",
                f"{shown('/'.join(path[: depth + 1]))} may be absent, and then a record has no key",
                location,
                "add it to the payload's `required`",
            )
            if not last:
                return
    types = value_types(contract, definition)
    if not types - {"null"} or not types <= {"null", *_SCALARS}:
        diagnostics.add(
            "key-expression",
            f"{shown('/'.join(path))} is no text and no number",
            location,
            "name a property whose `type` is string, integer, number or boolean",
        )
    elif "null" in types:
        diagnostics.add(
            "key-optional",
            f"{shown('/'.join(path))} may be null, and then a record has no key",
            location,
            "name a property that is never null",
        )


class Properties:
    """The properties of an object, its own and those of the schemas it is composed of."""

    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        self.required: set[str] = set()


def properties(contract: Contract, definition: Definition) -> Properties:
    """The properties that every instance of a definition may have."""
    found = Properties()
    waiting, seen = [definition], set[int]()
    while waiting:
        current = resolve(contract, waiting.pop())
        if id(current) in seen:
            continue
        seen.add(id(current))
        own = current.get("properties")
        found.definitions = {**(own if isinstance(own, dict) else {}), **found.definitions}
        required = current.get("required")
        found.required |= set(required if isinstance(required, list) else ())
        all_of = current.get("allOf")
        waiting.extend(all_of if isinstance(all_of, list) else ())
    return found


def value_types(contract: Contract, definition: Definition) -> set[str]:
    """The types of JSON Schema that the values of a definition may have; `any` if it says none."""
    types = set[str]()
    waiting, seen = [definition], set[int]()
    while waiting:
        current = resolve(contract, waiting.pop())
        if id(current) in seen:
            continue
        seen.add(id(current))
        values = current.get("enum", [current["const"]] if "const" in current else None)
        type_ = current.get("type")
        options = [current.get(word) for word in ("anyOf", "oneOf", "allOf")]
        if isinstance(values, list):
            types |= {_TYPES.get(type(value), "any") for value in values}
        elif isinstance(type_, list):
            types |= set(type_)
        elif isinstance(type_, str):
            types.add(type_)
        elif any(options):
            waiting.extend(one for some in options if isinstance(some, list) for one in some)
        else:
            types.add("any")
    return types


def resolve(contract: Contract, definition: Definition) -> Definition:
    """The definition, or the one it refers to; empty if that goes round in a circle."""
    for _ in range(len(contract.schemas) + 1):
        reference = definition.get("$ref")
        if not isinstance(reference, str):
            return definition
        definition = contract.schemas[reference.removeprefix("#/$defs/")].definition
    return {}


CHECKS: Final[tuple[Check, ...]] = (
    check_topics,
    check_names,
    check_keys,
    check_order,
    check_telling,
)
