"""Replies: what a handler returns is sent to where its request wants it."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from pydantic import BaseModel

from .addresses import NOT_OPEN, TOPIC_NAME, filled
from .client import Client, Outgoing, Target, Transport
from .context import Context, Metadata
from .contract import Contract, Message, Reply
from .delivery import Delivery
from .errors import InvalidMessageError, PermanentError
from .headers import OURS, Headers, more_of, with_more
from .locations import location

Method = Callable[[Any, Context[Any, Any]], Coroutine[Any, Any, Any]]

_NOBODY: Final = "unknown"


class Replies:
    """Sends the replies of handlers, as what they emit: in their transaction, and their chain."""

    def __init__(self, contract: Contract, prefix: str) -> None:
        self._contract = contract
        self._prefix = prefix

    def of(self, method: Method) -> Method:
        """Have what a handler's method returns sent as the reply, where there is one.

        A request that names no topic for it is refused before the method is called.
        """

        async def run(payload: BaseModel, context: Context[Any, Any]) -> None:
            delivery: Delivery = context._delivery  # noqa: SLF001 - a part of the runtime
            message = delivery.message
            if message is None or message.reply is None:
                await method(payload, context)
                return
            address = self._address(message.reply, delivery)
            returned = await method(payload, context)
            declared = next((m for m in message.reply.messages if m.model is type(returned)), None)
            if declared is None:
                wanted = " or ".join(m.model.__name__ for m in message.reply.messages)
                raise PermanentError(
                    f"`{message.handler}` returned {type(returned).__name__}; a reply is {wanted}"
                )
            await self._send(returned, Target(address, declared), message, context)

        return run

    async def _send(
        self, reply: Any, target: Target, request: Message[Any], context: Context[Any, Any]
    ) -> None:
        delivery: Delivery = context._delivery  # noqa: SLF001
        more: list[tuple[str, bytes]] = []
        if request.correlation is not None and target.message.correlation is not None:
            source, place = location(request.correlation), location(target.message.correlation)
            value = source.read(delivery.record.headers, delivery.payload)
            if value is not None and place.header is None:
                reply = place.write(reply, value)
            elif value is not None and place.header not in OURS:
                more.append((place.header or "", str(value).encode()))
        # A request may say neither user nor project; then its reply says as much.
        user_id, project_id = context.user_id, context.project_id
        whose = Metadata(user_id=user_id or _NOBODY, project_id=project_id or _NOBODY)
        transport = _Whose(context.client._transport, user_id, project_id, more)  # noqa: SLF001
        await Client(self._contract, transport)._emit(target, reply, None, whose)  # noqa: SLF001
        delivery.reply = reply

    def _address(self, reply: Reply, delivery: Delivery) -> str:
        """The topic for a reply, without the prefix."""
        if reply.address is not None:
            return self._named(reply.address, delivery)
        topic = next(topic for topic in self._contract.topics if topic.address == reply.topic)
        values = {p.name: p.default for p in topic.parameters if p.default is not None}
        return filled(topic.address, {**values, **delivery.topic.values})

    def _named(self, expression: str, delivery: Delivery) -> str:
        """The topic that a request names, if it is one that it may have written to.

        Raises:
            InvalidMessageError: it is not.
        """
        name = location(expression).read(delivery.record.headers, delivery.payload)
        if name is None:
            raise InvalidMessageError(f"it names no topic for its reply: no {expression}")
        if not isinstance(name, str) or not TOPIC_NAME.fullmatch(name):
            raise InvalidMessageError(f"{expression} is no topic's name")
        if not name.startswith(self._prefix) or name == self._prefix:
            raise InvalidMessageError(f"{expression} is no topic of {self._prefix}")
        if name.endswith(NOT_OPEN) or name.startswith("__"):
            raise InvalidMessageError(f"{expression} is a topic that takes no replies")
        return name.removeprefix(self._prefix)


class _Whose:
    """Sends for a user and a project that may be unknown."""

    def __init__(
        self,
        transport: Transport,
        user_id: str | None,
        project_id: str | None,
        more: list[tuple[str, bytes]],
    ) -> None:
        self._transport = transport
        self._user_id = user_id
        self._project_id = project_id
        self._more = more

    async def send(self, outgoing: Outgoing) -> None:
        headers = outgoing.headers._replace(user_id=self._user_id, project_id=self._project_id)
        more = [*more_of(outgoing.headers), *self._more]
        outgoing.headers = with_more(Headers(*headers), more) if more else headers
        await self._transport.send(outgoing)
