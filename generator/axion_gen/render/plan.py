"""Everything of a contract under its Python name, before any source is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..asyncapi.contract import Contract, Message, Topic
from ..asyncapi.diagnostics import Diagnostics, Location, shown
from .addresses import ParameterView, address_class, parameters
from .names import class_name, constant_name, handler_name
from .overlaps import check_overlaps
from .replies import Answer, answers

ThingT = TypeVar("ThingT")


@dataclass(frozen=True, slots=True)
class Plan:
    """The names that the generated package has."""

    contract: Contract
    classes: dict[Message, str]
    """The class of each message."""
    schemas: dict[str, str]
    """The class or alias of each schema, by its id."""
    handlers: dict[str, str]
    """The method of each received message, by the message's name."""
    topics: dict[Topic, str]
    """The constant of each topic."""
    addresses: dict[Topic, str]
    """The class of each address with parameters."""
    parameters: dict[Topic, tuple[ParameterView, ...]]
    answers: Mapping[tuple[Topic, Message], Answer]
    """What answers each message that has a reply."""


def plan(contract: Contract, diagnostics: Diagnostics) -> Plan | None:
    """Name everything; None if there are names that cannot be had, which are diagnosed."""
    messages = dict.fromkeys(m for topic in contract.topics for m in topic.messages)
    messages |= dict.fromkeys(
        message
        for operation in contract.operations
        if operation.reply is not None
        for message in operation.reply.messages
    )
    received = dict.fromkeys(
        message for topic in contract.topics for message in contract.messages(topic, "receive")
    )
    classes = _named(
        [_Thing(message, message.name, message.location, message.payload) for message in messages],
        class_name,
        diagnostics,
    )
    topics = _named(
        [_Thing(topic, topic.address, topic.location) for topic in contract.topics],
        constant_name,
        diagnostics,
    )
    if diagnostics.has_errors:
        return None  # what follows would only say it again
    addresses = _named(
        [_Thing(topic, topic.address, topic.location) for topic in topics if topic.parameters],
        address_class,
        diagnostics,
    )
    _compare(addresses, classes, diagnostics)
    check_overlaps(contract, diagnostics)
    handlers = _named(
        [_Thing(message, message.name, message.location) for message in received],
        handler_name,
        diagnostics,
    )
    schemas = _schemas(contract, classes, diagnostics)
    if diagnostics.has_errors:
        return None
    return Plan(
        contract=contract,
        classes=classes,
        schemas=schemas,
        handlers={message.name: name for message, name in handlers.items()},
        topics=topics,
        addresses=addresses,
        answers=answers(contract, diagnostics),
        parameters={topic: parameters(topic, diagnostics) for topic in topics},
    )


@dataclass(frozen=True, slots=True)
class _Thing(Generic[ThingT]):
    """Something of the document that needs a name."""

    thing: ThingT
    text: str
    location: Location
    content: str | None = None
    """Things of the same text and content are one thing in two places."""


def _named(
    things: list[_Thing[ThingT]],
    make: Callable[[str], str | None],
    diagnostics: Diagnostics,
) -> dict[ThingT, str]:
    names: dict[ThingT, str] = {}
    owners: dict[str, _Thing[ThingT]] = {}
    for thing in things:
        name = make(thing.text)
        if name is None:
            diagnostics.add(
                "name-none",
                f"no Python name can be made of {shown(thing.text)}",
                thing.location,
                "use a name with a letter or a digit",
            )
            continue
        owner = owners.setdefault(name, thing)
        if (owner.text, owner.content) != (thing.text, thing.content):
            diagnostics.add(
                "name-collision",
                f"{shown(thing.text)}, and {shown(owner.text)} on line {owner.location.line}, are"
                f" both `{name}` in Python",
                thing.location,
                "give one of them another `name`",
            )
        names[thing.thing] = name
    return names


def _compare(
    addresses: dict[Topic, str], classes: dict[Message, str], diagnostics: Diagnostics
) -> None:
    """The class of an address must not be called as that of a message."""
    messages = {name: message for message, name in classes.items()}
    for topic, name in addresses.items():
        if name in messages:
            diagnostics.add(
                "name-collision",
                f"the topics of {shown(topic.address)}, and the message"
                f" {shown(messages[name].name)} on line {messages[name].location.line}, are both"
                f" `{name}` in Python",
                messages[name].location,
                "give the message another `name`",
            )


def _schemas(
    contract: Contract, classes: dict[Message, str], diagnostics: Diagnostics
) -> dict[str, str]:
    """A schema whose name is that of its message's class becomes that class."""
    payload_of = {name: message.payload for message, name in classes.items()}
    names: dict[str, str] = {}
    taken = set(payload_of)
    for schema in contract.schemas.values():
        wanted = class_name(schema.name) or "Schema"
        name = wanted
        if payload_of.get(wanted) != schema.id:
            number = 2
            while name in taken:
                name, number = f"{wanted}{number}", number + 1
            if name != wanted:
                diagnostics.add(
                    "schema-renamed",
                    f"the schema {shown(schema.name)} is `{name}` in Python: `{wanted}` is taken",
                    schema.location,
                    f"give it another name, or rename what else is called {shown(schema.name)}",
                )
        taken.add(name)
        names[schema.id] = name
    return names
