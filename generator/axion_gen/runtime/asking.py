"""A request on its way, and what is looked at to know its reply."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from .client import Outgoing, Transport
from .codecs import SchemaUnknownError
from .contract import Message, Reply, Topic
from .delivery import Delivery
from .errors import InvalidMessageError, InvalidReplyError
from .headers import OURS, Headers, Record, with_more
from .identifiers import new_message_id
from .interceptors.envelope import open_envelope
from .interceptors.payload import read_payload
from .locations import location
from .statistics import TopicStatistics


@dataclass(eq=False, slots=True)
class Pending:
    """A request that waits for its reply."""

    message: Message[Any]
    reply: Reply
    value: object = None
    """Its correlation id, where the contract has a place for one."""
    message_id: bytes = b""
    answer: "asyncio.Future[tuple[Record, Topic]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Asking:
    """Sends a request with all that its reply is known by."""

    def __init__(
        self,
        transport: Transport,
        message: Message[Any],
        replies_to: str,
        expect: Callable[[Headers], None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._message = message
        self._replies_to = replies_to
        self._expect = expect

    async def send(self, outgoing: Outgoing) -> None:
        """Send, once the reply is expected."""
        own = outgoing.headers.message_id.encode()
        more: list[tuple[str, bytes]] = []
        reply, correlation = self._message.reply, self._message.correlation
        if reply is not None and reply.address is not None:
            name = location(reply.address).header
            if name is not None:
                more.append((name, self._replies_to.encode()))
        if correlation is not None:
            name = location(correlation).header
            if name is not None and name not in OURS:
                more.append((name, own))
        outgoing.headers = with_more(outgoing.headers, more)
        self._expect(outgoing.headers)
        await self._transport.send(outgoing)


def completed(message: BaseModel, declared: Message[Any], replies_to: str) -> BaseModel:
    """A request that says in its payload what the contract wants there and the caller left out.

    Raises:
        RequestError: the caller must say it.
    """
    for expression, value in (
        (declared.reply and declared.reply.address, replies_to),
        (declared.correlation, new_message_id()),
    ):
        if expression is not None:
            place = location(expression)
            if place.header is None and place.read((), message) is None:
                message = place.write(message, value)
    return message


def correlations(record: Record, topic: Topic) -> Iterator[object]:
    """What may be the correlation id of a reply.

    Raises:
        SchemaUnknownError: what it is written with has to be fetched first.
    """
    for message in topic.messages:
        if message.correlation is not None:
            place = location(message.correlation)
            payload = _content(record, message) if place.header is None else ()
            value = place.read(record.headers, payload)
            if value is not None:
                yield value


def _content(record: Record, message: Message[Any]) -> object:
    """A record's payload, as far as it can be read without knowing that it is the message."""
    value = record.value or b""
    try:
        return json.loads(value) if message.codec is None else message.read(value)
    except (ValueError, RecursionError, InvalidMessageError):  # a ValidationError is the first
        return ()


async def read_reply(record: Record, topic: Topic, pending: Pending) -> BaseModel:
    """The message that a record carries.

    Raises:
        InvalidReplyError: it is not valid, or is no reply to the request.
        SchemaRegistryUnavailableError: the schema that it is written with is not to be had.
    """
    name = pending.message.name
    while True:
        delivery = Delivery(record, topic, TopicStatistics())
        try:
            _read(delivery, name)
            break
        except SchemaUnknownError as error:
            await error.fetch()
    reply = delivery.payload
    if reply is None or not any(type(reply) is message.model for message in pending.reply.messages):
        raise InvalidReplyError(f"what answers {name} is none of its replies")
    return reply


def _read(delivery: Delivery, name: str) -> None:
    try:
        open_envelope(delivery)
        if delivery.message is not None or delivery.headers is None or not delivery.headers[-1]:
            read_payload(delivery)
    except SchemaUnknownError:
        raise
    except InvalidMessageError as error:
        raise InvalidReplyError(f"the reply to {name} is invalid: {error}") from None
    except Exception as error:  # a fault of a validator; its text may quote what is invalid
        raise InvalidReplyError(
            f"the reply to {name} cannot be read: {type(error).__qualname__}"
        ) from error
