"""Everything of a contract under its Python name, before any source is written."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, TypeVar

from ..asyncapi.contract import Contract, Example, Message, Topic
from ..asyncapi.diagnostics import Diagnostics, Location, shown
from ..asyncapi.nodes import Node
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
    handlers: dict[Message, str]
    """The method of each received message."""
    topics: dict[Topic, str]
    """The constant of each topic."""
    addresses: dict[Topic, str]
    """The class of each address with parameters."""
    parameters: dict[Topic, tuple[ParameterView, ...]]
    answers: Mapping[tuple[Topic, Message], Answer]
    """What answers each message that has a reply."""
    examples: Mapping[Example, tuple[Message, str]]
    """The message of each example, and its constant."""


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
    labels = _labels(contract, list(messages), diagnostics)
    topics = _named(
        [_Thing(topic, topic.address, topic.location) for topic in contract.topics],
        constant_name,
        diagnostics,
    )
    if diagnostics.has_errors:
        return None  # what follows would only say it again
    classes = {message: class_name(label) or "" for message, label in labels.items()}
    addresses = _named(
        [_Thing(topic, topic.address, topic.location) for topic in topics if topic.parameters],
        address_class,
        diagnostics,
        {name: _Thing(m, m.name, m.location) for m, name in classes.items()},
    )
    check_overlaps(contract, diagnostics)
    schemas = _schemas(contract, classes, diagnostics)
    return Plan(
        contract=contract,
        classes=classes,
        schemas=schemas,
        handlers={message: handler_name(labels[message]) or "" for message in received},
        topics=topics,
        addresses=addresses,
        answers=answers(contract, diagnostics),
        parameters={topic: parameters(topic, diagnostics) for topic in topics},
        examples=_examples(classes, diagnostics),
    )


@dataclass(frozen=True, slots=True)
class _Thing(Generic[ThingT]):
    """Something of the document that needs a name."""

    thing: ThingT
    text: str
    location: Location


def _labels(
    contract: Contract, messages: list[Message], diagnostics: Diagnostics
) -> dict[Message, str]:
    """What the names of each message are made of: its name, behind its topic's if need be.

    Messages of one name and payload are one message in two places.
    """
    homes: dict[Message, str] = {}
    for topic in contract.topics:
        for message in topic.messages:
            homes.setdefault(message, topic.address)
    labels: dict[Message, str] = {}
    owners: dict[str, Message] = {}
    for message in messages:
        if class_name(message.name) is None:
            _without_name(message.name, message.location, diagnostics)
            continue
        for label in _candidates(message.name, homes.get(message, "reply")):
            names = class_name(label) or "", handler_name(label) or ""
            owner = next((owners[name] for name in names if name in owners), message)
            if (owner.name, owner.payload) == (message.name, message.payload):
                break
            if label == message.name:
                first, name = owner, names[0 if names[0] in owners else 1]
        if label != message.name:
            _collision(
                _Thing(message, message.name, message.location),
                _Thing(first, first.name, first.location),
                name,
                class_name(label) or "",
                diagnostics,
            )
        labels[message] = label
        owners |= dict.fromkeys(names, message)
    return labels


def _candidates(name: str, home: str) -> Iterator[str]:
    yield name
    yield f"{home} {name}"
    for number in count(2):
        yield f"{home} {name} {number}"


def _named(
    things: list[_Thing[ThingT]],
    make: Callable[[str], str | None],
    diagnostics: Diagnostics,
    others: Mapping[str, _Thing[Message]] | None = None,
) -> dict[ThingT, str]:
    """A name for each, with a number where another has it already."""
    names: dict[ThingT, str] = {}
    owners: dict[str, _Thing[ThingT] | _Thing[Message]] = dict(others or {})
    for thing in things:
        wanted = make(thing.text)
        if wanted is None:
            _without_name(thing.text, thing.location, diagnostics)
            continue
        name, number = wanted, 2
        while name in owners:
            name, number = make(f"{thing.text} {number}") or "", number + 1
        if name != wanted:
            _collision(thing, owners[wanted], wanted, name, diagnostics)
        owners[name] = thing
        names[thing.thing] = name
    return names


def _examples(
    classes: Mapping[Message, str], diagnostics: Diagnostics
) -> dict[Example, tuple[Message, str]]:
    """Examples are called by their messages and their own names, else by their places."""
    of: dict[Example, Message] = {}
    seen: set[tuple[str, Node]] = set()
    for message, class_ in classes.items():
        for example in message.examples:
            if (class_, example.node) not in seen:  # one message on two topics
                seen.add((class_, example.node))
                of[example] = message
    names = _named(
        [
            _Thing(example, f"{classes[message]} {_own_name(example)}", example.node.location)
            for example, message in of.items()
        ],
        constant_name,
        diagnostics,
    )
    return {example: (of[example], name) for example, name in names.items()}


def _own_name(example: Example) -> str:
    if constant_name(example.name):
        return example.name
    return str(example.number) if example.number > 1 else ""


def _without_name(text: str, location: Location, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "name-none",
        f"no Python name can be made of {shown(text)}",
        location,
        "use a name with a letter or a digit",
    )


def _collision(
    thing: _Thing[Any], owner: _Thing[Any], wanted: str, name: str, diagnostics: Diagnostics
) -> None:
    diagnostics.add(
        "name-collision",
        f"{shown(thing.text)}, and {shown(owner.text)} on line {owner.location.line}, are"
        f" both `{wanted}` in Python: this one is `{name}`",
        thing.location,
        "give one of them another name, before the names are used",
    )


def _schemas(
    contract: Contract, classes: dict[Message, str], diagnostics: Diagnostics
) -> dict[str, str]:
    """A schema whose name is that of its message's class becomes that class.

    Of several schemas of one name, those of the document itself come first, then those of
    other files by their paths: what a new message refers to changes none of their names.
    """
    payload_of = {name: message.payload for message, name in classes.items()}
    named_so = {(message.payload, message.name): name for message, name in classes.items()}
    document = contract.sources[0]
    names: dict[str, str] = {}
    taken = set(payload_of)
    for schema in sorted(
        contract.schemas.values(),
        key=lambda schema: (
            schema.location.source is not document,
            schema.location.source.name,
            schema.location.line,
            schema.location.column,
        ),
    ):
        wanted = named_so.get((schema.id, schema.name)) or class_name(schema.name) or "Schema"
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
    return {id_: names[id_] for id_ in contract.schemas}
