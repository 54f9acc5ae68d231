"""The contract as the runtime needs it: topics, and the messages each one carries."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from .addresses import Parameter, names

if TYPE_CHECKING:
    from .codecs import Codec
    from .codecs.registry import Registry

ModelT = TypeVar("ModelT", bound=BaseModel)

SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""A service's name: it becomes part of topics, groups, host names and packages."""


@dataclass(frozen=True)  # no slots, as Context
class Message(Generic[ModelT]):
    """One message of the contract."""

    name: str
    """Its name in the contract, and the value of `x-message-type` on the wire."""
    model: type[ModelT]
    """The type of its payload."""
    key: Callable[[ModelT], object] | None = None
    """Takes the record's key from the payload (`x-axion-key`); none: the record has no key."""
    handler: str | None = None
    """The method of `Handlers` that receives it; none: this service does not receive it."""
    tombstone: bool = False
    """Whether its payload may be null, which is a null value on the wire."""
    reply: "Reply | None" = None
    """What answers it; none: nothing does."""
    correlation: str | None = None
    """Where the id is that its reply repeats, or that it repeats itself: a runtime expression."""
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The headers with one value only: they are written, and others' records are told by them."""
    constants: Mapping[tuple[str, ...], tuple[object, ...]] = field(
        default_factory=dict, hash=False
    )
    """What its payload has at these paths, where others on its topic have something else."""
    codec: "Codec | None" = None
    """How the payload is written; none: as JSON."""
    key_type: Any = None
    """The type of the record's key, where the contract says one."""

    @cached_property
    def read(self) -> Callable[[bytes], ModelT]:
        """Makes the payload of a record's value; a pydantic `ValidationError` if it is none."""
        codec, model = self.codec, self.model
        if codec is not None:
            return lambda value: codec.read(value, model)
        # What `model_validate_json` calls, without a stop on the way.
        read: Callable[[bytes], ModelT] = model.__pydantic_validator__.validate_json
        return read

    @property
    def is_plain(self) -> bool:
        """Whether a record of it is JSON, and our own headers, and nothing else."""
        has_more = self.tombstone or self.headers
        return not has_more and self.codec is None and self.key_type is None

    def with_registry(self, registry: "Registry") -> "Message[ModelT]":
        """The same, with a registry for the ids of its schemas, where it has some."""
        return replace(
            self,
            codec=self.codec and self.codec.with_registry(registry),
            reply=self.reply
            and replace(
                self.reply, messages=tuple(m.with_registry(registry) for m in self.reply.messages)
            ),
        )


@dataclass(frozen=True)
class Reply:
    """What answers a message."""

    messages: tuple[Message[Any], ...]
    """What the reply may be."""
    topic: str | None = None
    """The address of the topic where it is sent; none where the request names the topic."""
    address: str | None = None
    """Where in the request that is: a runtime expression, `$message.header#/replyTo`."""
    awaited: bool = False
    """Whether this service sends the request and waits for the reply."""


@dataclass(frozen=True)  # no slots: what is looked up for each message is kept
class Topic:
    """One channel of the contract on Kafka."""

    address: str
    """The channel's address; the topic's name is this behind `KAFKA_TOPIC_PREFIX`.

    A parameter stands in braces: then it is the address of several topics.
    """
    messages: tuple[Message[Any], ...]
    """Every message the channel carries, received here or not."""
    partitions: int = 1
    replicas: int = 1
    foreign_producers: bool = False
    """Others write here who do not know our headers: missing ones are filled, not refused."""
    unknown: Literal["skip", "dead-letter"] = "skip"
    """What becomes of a record whose type the contract does not know."""
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The values of the parameters, for one of the topics of its address."""
    configuration: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Kafka's settings of the topic, for who creates it."""

    @cached_property
    def by_name(self) -> dict[str, Message[Any]]:
        """The messages of the channel by `x-message-type`."""
        return {message.name: message for message in self.messages}

    @cached_property
    def by_raw_name(self) -> dict[bytes | None, Message[Any]]:
        """The same, by the header's bytes."""
        return {message.name.encode(): message for message in self.messages}

    @cached_property
    def by_model(self) -> dict[type[BaseModel], Message[Any]]:
        """The messages of the channel by the type of their payload."""
        return {message.model: message for message in self.messages}

    @cached_property
    def plain_by_model(self) -> dict[type[BaseModel], Message[Any]]:
        """Of these, the messages whose records are JSON and our own headers: most are."""
        return {model: message for model, message in self.by_model.items() if message.is_plain}

    @property
    def names(self) -> tuple[str, ...] | None:
        """All topics of the address, without the prefix; none where they are not known."""
        return names(self.address, self.parameters)

    @property
    def received(self) -> tuple[Message[Any], ...]:
        """The messages of the channel that this service handles."""
        return tuple(message for message in self.messages if message.handler is not None)


@dataclass(frozen=True)  # no slots, as Topic
class Contract:
    """All topics of one AsyncAPI document."""

    title: str
    version: str
    topics: tuple[Topic, ...]
    group_id: str | None = None
    """The consumer group, without `KAFKA_TOPIC_PREFIX`; none: `{service}-group`."""
    client_id: str | None = None
    """How the brokers' logs name the service; none: by its own name."""

    @cached_property
    def by_address(self) -> dict[str, Topic]:
        """The topics by their channel's address; none of an address with parameters."""
        return {topic.address: topic for topic in self.topics if not topic.parameters}

    @cached_property
    def with_parameters(self) -> dict[str, Topic]:
        """The topics of addresses with parameters, by these."""
        return {topic.address: topic for topic in self.topics if topic.parameters}

    @property
    def has_schema_ids(self) -> bool:
        """Whether some payload carries the id of its schema."""
        return any(
            message.codec is not None and message.codec.has_schema_ids
            for topic in self.topics
            for carried in topic.messages
            for message in (carried, *(carried.reply.messages if carried.reply else ()))
        )

    def with_registry(self, registry: "Registry") -> "Contract":
        """The same, with a registry for the ids of schemas; itself where there are none."""
        if not self.has_schema_ids:
            return self
        return replace(
            self,
            topics=tuple(
                replace(topic, messages=tuple(m.with_registry(registry) for m in topic.messages))
                for topic in self.topics
            ),
        )

    @property
    def received(self) -> tuple[Topic, ...]:
        """The topics that this service reads."""
        return tuple(topic for topic in self.topics if topic.received)

    @property
    def names_replies(self) -> bool:
        """Whether requests of this service name its own topic for their replies."""
        messages = (message for topic in self.topics for message in topic.messages)
        return any(m.reply is not None and m.reply.awaited and m.reply.address for m in messages)

    def topic(self, address: str) -> Topic:
        """The topic at an address without parameters; `LookupError` where there is none."""
        topic = self.by_address.get(address)
        if topic is not None:
            return topic
        if any(topic.address == address for topic in self.topics):
            raise LookupError(f"{address!r} has parameters: give a topic with their values")
        known = ", ".join(topic.address for topic in self.topics) or "none"
        raise LookupError(f"the contract {self.title!r} has no topic {address!r}; it has {known}")


def dead_letter_topic(service: str) -> str:
    """The topic of a service's dead letters, before the prefix (standard, section 4)."""
    return f"{service}-dlq"


def replies_topic(service: str) -> str:
    """The topic where a service reads the replies whose topic its requests name."""
    return f"{service}-replies"


def replay_topic(service: str) -> str:
    """The topic from which a service's replayed letters come, before the prefix."""
    return f"{service}-replay"
