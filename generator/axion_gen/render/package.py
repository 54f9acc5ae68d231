"""Every module but `messages.py`, from templates filled with names and literals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..asyncapi.contract import Message, Topic
from ..asyncapi.telling import Path, constants, own_headers
from .addresses import ParameterView
from .keys import key_parameter, key_type, key_types
from .models import Models, key_expression
from .plan import Plan
from .records import union_records
from .replies import Answer
from .text import docstring, literal

MODULES: Final = (
    "__init__.py",
    "__main__.py",
    "client.py",
    "handlers.py",
    "kafka.py",
    "testing.py",
    "topics.py",
)


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message on a topic, as the templates see it."""

    name: str
    model: str
    key: str | None
    handler: str | None
    tombstone: bool
    headers: dict[str, str]
    constants: dict[Path, tuple[object, ...]]
    avro: "AvroView | None"
    key_type: str | None
    correlation: str | None
    reply: "ReplyView | None" = None


@dataclass(frozen=True, slots=True)
class ReplyView:
    """What answers a message, as the templates see it."""

    messages: tuple[MessageView, ...]
    topic: str | None
    address: str | None
    awaited: bool
    """Whether this service sends the request."""


@dataclass(frozen=True, slots=True)
class AvroView:
    """How a payload is Avro on the wire, as the template sees it."""

    schema: object
    subject: str | None
    """What the schema is registered under, where its id stands before the payload."""
    records: dict[str, str]
    """The classes of records that stand in unions, by their full names."""


@dataclass(frozen=True, slots=True)
class SentView:
    """Messages on a topic whose keys are given alike, as the template sees them."""

    address: str
    address_class: str | None
    models: tuple[str, ...]
    key: str
    """The parameter for it."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """Messages on a topic that have the same reply, as the template sees them."""

    address: str
    address_class: str | None
    models: tuple[str, ...]
    key: str
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopicView:
    """A topic, as the templates see it."""

    constant: str
    address: str
    description: str
    partitions: int
    replicas: int
    foreign_producers: bool
    unknown: str
    messages: tuple[MessageView, ...]
    configuration: Mapping[str, str]
    address_class: str | None
    """The class of its topics, where the address has parameters, which are its fields."""
    parameters: tuple[ParameterView, ...]


@dataclass(frozen=True, slots=True)
class HandlerView:
    """A method of `Handlers`, as the template sees it."""

    name: str
    model: str
    context: str
    key_type: str | None
    foreign: bool
    documentation: str
    replies: tuple[str, ...]
    """The classes of what it returns."""


def modules(plan: Plan, models: Models) -> dict[str, str]:
    """The sources by file name, not formatted yet."""
    environment = Environment(
        loader=PackageLoader("axion_gen.render"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it is Python: every text goes through these filters
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": literal, "docstring": docstring}
    contract = plan.contract
    topics = [_topic(plan, models, topic) for topic in contract.topics]
    values = {
        "title": contract.title,
        "version": contract.version,
        "description": contract.description,
        "group_id": contract.group_id,
        "client_id": contract.client_id,
        "topics": topics,
        "sent": list(_sent(plan, models)),
        "key_types": key_types(plan, models),
        "requests": list(_requests(plan, models)),
        "handlers": list(_handlers(plan, models)),
    }
    return {name: environment.get_template(f"{name}.jinja").render(values) for name in MODULES}


def _topic(plan: Plan, models: Models, topic: Topic) -> TopicView:
    received = plan.contract.messages(topic, "receive")
    return TopicView(
        constant=plan.topics[topic],
        address=topic.address,
        description=topic.description,
        partitions=topic.partitions,
        replicas=topic.replicas,
        foreign_producers=topic.foreign_producers,
        unknown=topic.unknown,
        messages=tuple(
            _message(
                plan,
                models,
                message,
                handler=plan.handlers[message] if message in received else None,
                reply=_reply(plan, models, topic, message),
                # They tell messages apart, where there are several.
                told_by=constants(plan.contract, message) if len(topic.messages) > 1 else {},
            )
            for message in topic.messages
        ),
        configuration=topic.configuration,
        address_class=plan.addresses.get(topic),
        parameters=plan.parameters[topic],
    )


def _message(
    plan: Plan,
    models: Models,
    message: Message,
    handler: str | None = None,
    reply: ReplyView | None = None,
    told_by: dict[Path, tuple[object, ...]] | None = None,
) -> MessageView:
    return MessageView(
        name=message.name,
        model=plan.classes[message],
        key=key_expression(plan, models, message),
        handler=handler,
        tombstone=message.tombstone,
        headers=own_headers(message),
        constants=told_by or {},
        avro=_avro(plan, models, message),
        key_type=key_type(models, message),
        correlation=message.correlation,
        reply=reply,
    )


def _avro(plan: Plan, models: Models, message: Message) -> AvroView | None:
    if message.avro is None:
        return None
    avro = message.avro
    return AvroView(avro.schema, avro.subject, union_records(plan, models, message))


def _sent(plan: Plan, models: Models) -> Iterator[SentView]:
    """One for the messages of each topic whose keys are given alike, if they are sent."""
    for topic in plan.contract.topics:
        found: dict[str, list[str]] = {}
        for message in plan.contract.messages(topic, "send"):
            key = key_parameter(plan, models, message)
            found.setdefault(key, []).append(plan.classes[message])
        for key, classes in found.items():
            yield SentView(topic.address, plan.addresses.get(topic), tuple(classes), key)


def _reply(plan: Plan, models: Models, topic: Topic, message: Message) -> ReplyView | None:
    answer = plan.answers.get((topic, message))
    if answer is None:
        return None
    reply = answer.reply
    return ReplyView(
        messages=tuple(_message(plan, models, answer) for answer in reply.messages),
        topic=reply.topic.address if reply.topic is not None and reply.address is None else None,
        address=reply.address,
        awaited=answer.awaited,
    )


def _requests(plan: Plan, models: Models) -> Iterator[RequestView]:
    """One for the messages of each topic that have the same reply, if this service sends them."""
    for topic in plan.contract.topics:
        found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for message in topic.messages:
            answer = plan.answers.get((topic, message))
            if answer is not None and answer.awaited:
                place = key_parameter(plan, models, message), _classes(plan, answer)
                found.setdefault(place, []).append(plan.classes[message])
        for (key, replies), requests in found.items():
            yield RequestView(
                topic.address, plan.addresses.get(topic), tuple(requests), key, replies
            )


def _classes(plan: Plan, answer: Answer) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plan.classes[message] for message in answer.reply.messages))


def _handlers(plan: Plan, models: Models) -> Iterator[HandlerView]:
    """One for each message that is received, on however many topics."""
    received: dict[str, list[tuple[Topic, Message]]] = {}
    for topic in plan.contract.topics:
        for message in plan.contract.messages(topic, "receive"):
            received.setdefault(plan.handlers[message], []).append((topic, message))
    for name, places in received.items():
        topics = " and ".join(f"`{topic.address}`" for topic, _ in places)
        message = places[0][1]
        text = f"Handle `{message.name}`, received on {topics}."
        answers = [plan.answers[place] for place in places if place in plan.answers]
        if answers:
            text += " What it returns is sent as the reply."
        foreign = any(topic.foreign_producers for topic, _ in places)
        context = "ForeignContext" if foreign else "Context"
        key = key_type(models, message)
        yield HandlerView(
            name=name,
            model=plan.classes[message],
            context=context if key is None else f"{context}[{key}]",
            key_type=key,
            foreign=foreign,
            documentation=f"{text}\n\n{message.description}" if message.description else text,
            replies=tuple(dict.fromkeys(c for answer in answers for c in _classes(plan, answer))),
        )
