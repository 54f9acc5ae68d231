"""The way of a record to its handler: the interceptors, in their order."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from .client import Client
from .context import Context, Scope, scope
from .contract import Contract
from .delivery import Delivery, Handle
from .errors import StartError
from .handlers import Handlers
from .interceptors.dead_letter import DeadLetter
from .interceptors.envelope import Envelope
from .interceptors.idempotency import Idempotency
from .interceptors.payload import Payload
from .interceptors.retry import Retry
from .interceptors.slots import Slots

Method = Callable[[Any, Context[Any, Any]], Awaitable[None]]


def pipeline(
    idempotency: Idempotency,
    dead_letter: DeadLetter,
    retry: Retry,
    slots: Slots,
    handler: Handle,
) -> Handle:
    """The way of a record, from the outside in.

    It is:

    1. skipped if it bears a mark, and marked once all that follows is done;
    2. dead-lettered if anything that follows raises;
    3. refused if its headers are bad, skipped if it is not for this service;
    4. validated, once: what is invalid stays so, and costs no slot;
    5. tried, and tried again;
    6. given a slot and a time limit, for one attempt;
    7. handled.
    """
    following = handler
    for interceptor in (slots, retry, Payload(), Envelope(), dead_letter, idempotency):
        following = interceptor.wrap(following)
    return following


def call(contract: Contract, handlers: Handlers | None, client: Client) -> Handle:
    """The innermost step: the handler's method, within the context of its message.

    Raises:
        StartError: the contract has messages to receive, and their handlers are missing.
    """
    methods: dict[str, Method] = {}
    for topic in contract.received:
        for message in topic.received:
            name = message.handler or ""
            method = getattr(handlers, name, None)
            if method is None:
                raise StartError(f"{message.name} on {topic.address} needs a handler: `{name}`")
            methods[name] = method

    async def handle(delivery: Delivery) -> None:
        record, headers, message = delivery.record, delivery.headers, delivery.message
        if headers is None or message is None or message.handler is None:
            raise AssertionError("a delivery reaches its handler decoded")
        context: Context[Any, Any] = Context(
            client=client,
            topic=delivery.topic.address,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            headers=record.headers,
            message_id=headers.message_id,
            message_type=message.name,
            correlation_id=headers.correlation_id,
            causation_id=headers.causation_id,
            user_id=headers.user_id,
            project_id=headers.project_id,
            timestamp=datetime.fromtimestamp(headers.timestamp / 1000, UTC),
            attempt=delivery.attempts - 1,
        )
        inherited = Scope(
            correlation_id=headers.correlation_id,
            user_id=headers.user_id,
            project_id=headers.project_id,
            message_id=headers.message_id,
        )
        with scope(inherited):
            await methods[message.handler](delivery.payload, context)

    return handle
