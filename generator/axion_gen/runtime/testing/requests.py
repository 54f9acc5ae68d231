"""Requests in memory: the test says what their replies are."""

from collections import deque
from typing import Any

from pydantic import BaseModel

from ..addresses import TopicAddress
from ..asking import Asking, completed
from ..client import Client, Transport
from ..context import Metadata
from ..contract import Contract
from ..errors import ReplyTimeoutError, RequestError

REPLIES_TO = "test-replies"
"""The topic that requests name for their replies."""


class MemoryRequests:
    """Takes what requests send, and gives them the replies that were laid out."""

    def __init__(self, contract: Contract, transport: Transport) -> None:
        self.replies: deque[BaseModel | Exception] = deque()
        """What the next requests get, in order."""
        self._contract = contract
        self._transport = transport

    async def request(
        self,
        topic: str | TopicAddress,
        message: BaseModel,
        key: Any,
        metadata: Metadata | None,
        timeout_s: float,
    ) -> BaseModel:
        """Send a request, and return the next reply.

        Raises:
            ReplyTimeoutError: there is none.
            TypeError: it is none that the contract has for the request.
        """
        address, declared = Client(self._contract, self._transport)._found(topic, message)  # noqa: SLF001 - a part of the runtime
        if declared.reply is None or not declared.reply.awaited:
            raise RequestError(f"the contract has no reply to {declared.name} on {address}")
        message = completed(message, declared, REPLIES_TO)
        asking = Client(self._contract, Asking(self._transport, declared, REPLIES_TO))
        await asking._emit(topic, message, key, metadata)  # noqa: SLF001
        if not self.replies:
            raise ReplyTimeoutError(
                f"no reply to {declared.name} within {timeout_s:g} s: in a test, say it with"
                " `bus.reply_with(...)`"
            )
        reply = self.replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        if not any(type(reply) is message.model for message in declared.reply.messages):
            raise TypeError(f"{type(reply).__name__} is no reply to {declared.name}")
        return reply
