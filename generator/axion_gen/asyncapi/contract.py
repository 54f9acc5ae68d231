"""The one model of a contract, whatever version of AsyncAPI it was written in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .diagnostics import Location, Source
from .nodes import Node

Definition = dict[str, object]
"""A JSON Schema with only the keywords that become Python; `$ref` is `#/$defs/<id>`."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that has a name of its own, or is the payload of a message."""

    id: str
    """What `$ref` calls it."""
    name: str
    """What the document calls it."""
    definition: Definition
    location: Location


@dataclass(frozen=True, slots=True)
class Key:
    """Where a record's key is in its payload (`x-axion-key`)."""

    path: tuple[str, ...]
    """The names of properties, from the outermost to the key itself."""
    location: Location


@dataclass(frozen=True, slots=True)
class Avro:
    """A payload that is Avro on the wire."""

    schema: object
    """The Avro schema, as JSON has it, its references resolved."""
    subject: str | None = None
    """What the schema is registered under, where the bytes follow a zero byte and its id of four
    bytes; `{topic}` stands for the topic."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One example of a message."""

    name: str
    """Empty where the document gives it none."""
    payload: object
    headers: Mapping[str, object]
    node: Node
    """Where the payload stands."""
    number: int = 1
    """Its place among the examples of its message."""
    summary: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One message that a channel carries."""

    name: str
    """Its `name`, else its key in the channel; the value of `x-message-type` on the wire."""
    description: str
    payload: str | None
    """The id of a schema; none where the document says nothing of the payload."""
    key: Key | None
    location: Location
    key_schema: str | None = None
    """The id of the schema of a record's key (`key` of the Kafka binding)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that the document declares with one value only (`const`), and that value."""
    avro: Avro | None = None
    """None: the payload is JSON."""
    tombstone: bool = False
    """Whether the payload may be null, which is a null value on the wire."""
    correlation: str | None = None
    """Where the id is that a reply repeats: the runtime expression of `correlationId`."""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands in braces in an address."""

    name: str
    description: str
    location: Location
    choices: tuple[str, ...] = ()
    """All values there are; none: any value that Kafka allows in a topic's name."""
    default: str | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """One channel, on Kafka."""

    address: str
    """The topic's name, before the prefix; a parameter stands in braces."""
    description: str
    messages: tuple[Message, ...]
    partitions: int
    replicas: int
    foreign_producers: bool
    unknown: Literal["skip", "dead-letter"]
    location: Location
    parameters: tuple[Parameter, ...] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)
    """Settings of the topic, as Kafka names them (`topicConfiguration` of the binding)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What answers the messages of an operation."""

    topic: Topic | None
    """Where it is sent; none where only the request says it."""
    messages: tuple[Message, ...]
    address: str | None
    """Where the request says to which topic: a runtime expression, `$message.header#/replyTo`."""
    location: Location


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """What the service does with some of a topic's messages."""

    id: str
    action: Literal["send", "receive"]
    topic: Topic
    messages: tuple[Message, ...]
    location: Location
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """A document, read and resolved."""

    title: str
    version: str
    description: str
    topics: tuple[Topic, ...]
    """The channels that operations use, in the order of the document."""
    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema]
    """By id: what the payloads of the topics' messages need."""
    sources: tuple[Source, ...]
    """The document and every file it refers to."""
    group_id: str | None = None
    """The consumer group (`groupId` of the Kafka binding of received operations)."""
    client_id: str | None = None
    _used: dict[tuple[Topic, str], set[Message]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def messages(self, topic: Topic, action: Literal["send", "receive"]) -> tuple[Message, ...]:
        """The messages of a topic that are sent or received, in the order of the channel."""
        if not self._used:  # made once: with every call it would grow with the document's square
            for operation in self.operations:
                key = operation.topic, operation.action
                self._used.setdefault(key, set()).update(operation.messages)
        chosen = self._used.get((topic, action), ())
        return tuple(message for message in topic.messages if message in chosen)


def references(definition: object) -> Iterator[str]:
    """The ids of the schemas that a definition refers to."""
    if isinstance(definition, dict):
        target = definition.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix("#/$defs/")
        # What `const`, `enum` and `default` hold is data, but scalars only: no `$ref` is in it.
        for value in definition.values():
            yield from references(value)
    elif isinstance(definition, list):
        for item in definition:
            yield from references(item)


def reachable(schemas: Mapping[str, Schema], roots: Iterator[str]) -> dict[str, Schema]:
    """The schemas that roots need, in the order of `schemas`."""
    waiting, found = list(roots), set[str]()
    while waiting:
        id_ = waiting.pop()
        if id_ not in found:
            found.add(id_)
            waiting.extend(references(schemas[id_].definition))
    return {id_: schema for id_, schema in schemas.items() if id_ in found}
