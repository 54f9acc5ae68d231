"""Emitting: a typed call becomes a record with complete headers."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel

from .addresses import TopicAddress
from .context import Metadata, complete
from .contract import Contract, Message
from .errors import InvalidMessageError, RequestError
from .headers import Headers, with_more
from .keys import encode_key, may_be_absent, read_key

Key = str | bytes | UUID
"""What may be given as a record's key; it is text in UTF-8, unless it is bytes already."""


@dataclass(slots=True)
class Outgoing:
    """A message on its way out."""

    topic: str
    """The channel's address, before the prefix; the values of its parameters are in it."""
    key: bytes | None
    value: bytes | None
    """Null for a tombstone."""
    headers: Headers
    message: BaseModel


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A topic that is known only now, and the message that goes there."""

    address: str
    message: Message[Any]


class Transport(Protocol):
    """Where emitted messages go: Kafka, an outbox, memory."""

    def send(self, outgoing: Outgoing) -> Coroutine[Any, Any, None]:
        """Return once the message is safe: acknowledged, recorded, written."""
        ...


class Requester(Protocol):
    """What sends requests and waits for their replies."""

    def request(
        self,
        topic: str | TopicAddress,
        message: BaseModel,
        key: Any,
        metadata: Metadata | None,
        timeout_s: float,
    ) -> Coroutine[Any, Any, BaseModel]:
        """Send a request, and return its reply."""
        ...


class Client:
    """The base of the generated client, which adds `emit` and `request` with their types."""

    _requester: Requester | None = None
    """None within a transaction: what is sent there is sent once that has committed."""

    def __init__(self, contract: Contract, transport: Transport) -> None:
        self._contract = contract
        self._transport = transport

    async def _emit(
        self,
        topic: Any,  # an address, or a `TopicAddress`: the generated client says which
        message: BaseModel,
        key: Any,  # of the key's own type, where the contract says one
        metadata: Metadata | None,
    ) -> str:
        channel = self._contract.by_address.get(topic)
        declared = None if channel is None else channel.plain_by_model.get(type(message))
        if declared is None:
            topic, declared = self._found(topic, message)
            if not declared.is_plain:
                return await self._emit_other(topic, declared, message, key, metadata)
        headers = complete(metadata, declared.name)
        if key is None and declared.key is not None:
            key = declared.key(message)
        if key is not None and not isinstance(key, bytes):
            key = key.encode() if isinstance(key, str) else encode_key(key)
        # What the caller left out stays out: absent is not null.
        value = message.__pydantic_serializer__.to_json(message, by_alias=True, exclude_unset=True)
        await self._transport.send(Outgoing(topic, key, value, headers, message))
        return headers.message_id

    async def _emit_other(
        self,
        address: str,
        declared: Message[Any],
        message: BaseModel,
        key: Any,
        metadata: Metadata | None,
    ) -> str:
        """Emit what is more than JSON behind our own headers."""
        is_null = declared.tombstone and getattr(message, "root", message) is None
        raw = _key_of(declared, message, key, is_null=is_null)
        value: bytes | None = None
        if not is_null and declared.codec is not None:
            value = await declared.codec.write(message, address)
        elif not is_null:
            value = message.model_dump_json(by_alias=True, exclude_unset=True).encode()
        headers = complete(metadata, declared.name)
        if declared.headers:
            more = [(name, text.encode()) for name, text in declared.headers.items()]
            headers = with_more(headers, more)
        await self._transport.send(Outgoing(address, raw, value, headers, message))
        return headers.message_id

    async def _request(
        self,
        topic: str | TopicAddress,
        message: BaseModel,
        key: Any,
        metadata: Metadata | None,
        timeout_s: float,
    ) -> Any:
        if self._requester is None:
            raise RequestError(
                "no request is made within a transaction: it would be sent only once that has"
                " committed, so its reply cannot be waited for; use the client of the bus"
            )
        return await self._requester.request(topic, message, key, metadata, timeout_s)

    def _found(
        self, topic: str | TopicAddress | Target, message: BaseModel
    ) -> tuple[str, Message[Any]]:
        """The topic, and its message of this type, however the topic is given."""
        if isinstance(topic, Target):
            return topic.address, topic.message
        try:
            if isinstance(topic, TopicAddress):
                address, channel = topic.address, topic._topic  # noqa: SLF001 - public to this package
                channel = self._contract.with_parameters.get(channel.address, channel)
            else:
                address, channel = topic, self._contract.topic(topic)
        except LookupError as error:
            raise TypeError(str(error)) from None
        declared = channel.by_model.get(type(message))
        if declared is None:
            carried = [declared.model.__name__ for declared in channel.messages]
            raise TypeError(
                f"topic {channel.address!r} carries {', '.join(carried) or 'nothing'},"
                f" not {type(message).__name__}"
            )
        return address, declared


def _key_of(declared: Message[Any], message: BaseModel, key: Any, *, is_null: bool) -> bytes | None:
    """The key of a record: the one that is given, or the message's own.

    Raises:
        TypeError: it needs one, and none is given.
        ValueError: one is given that is not of the contract's type.
    """
    if key is None and declared.key is not None and not is_null:
        key = declared.key(message)
        return None if key is None else encode_key(key)
    if key is not None:
        raw = encode_key(key)
        if declared.key_type is not None:
            try:
                read_key(raw, declared.key_type)  # what nobody could read is not sent
            except InvalidMessageError as error:
                raise ValueError(f"{declared.name}: {error}") from None
        return raw
    # What is null has no properties that a key could be taken from.
    needed = declared.key_type is not None and not may_be_absent(declared.key_type)
    if needed or declared.key is not None:
        raise TypeError(f"{declared.name} needs a key: emit(..., key=...)")
    return None
