"""The way of a record to its handler: the interceptors, in their order."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Protocol

from pydantic import BaseModel

from .client import Client
from .codecs import SchemaUnknownError
from .context import Context, current, thread_loop, turn_to
from .contract import Contract
from .delivery import Delivery, Handle, Step
from .errors import StartError
from .handlers import Handlers
from .interceptors.acceptance import accept
from .interceptors.dead_letter import DeadLetter
from .interceptors.idempotency import Idempotency
from .interceptors.retry import Retry
from .interceptors.slots import Slots
from .replies import Replies


class Interceptor(Protocol):
    """Stands between a record and its handler."""

    def wrap(self, following: Handle) -> Handle:
        """Put it around what follows."""
        ...


class Watch(Protocol):
    """Sees what becomes of messages: a trace."""

    def message(self, following: Handle) -> Handle:
        """Stand around all that happens to a message."""
        ...

    def attempt(self, following: Handle) -> Handle:
        """Stand around each attempt to handle it."""
        ...


Method = Callable[[Any, Context[Any, Any]], Coroutine[Any, Any, Any]]


def pipeline(
    idempotency: Idempotency,
    dead_letter: DeadLetter,
    outage: Interceptor | None,
    retry: Retry,
    slots: Slots,
    transact: Callable[[Handle], Handle],
    handler: Handle,
    watch: Watch | None = None,
) -> Step:
    """The way of a record, from the outside in.

    It is:

    1. skipped if it bears a mark, and marked once all that follows is done;
    2. refused if its headers or its payload are invalid, skipped if it is not for this
       service: that does not change, so it is looked at once, and costs no slot;
    3. given a slot and a time limit, for one attempt;
    4. put into a transaction with its mark, if the store has transactions;
    5. handled.

    If 2 to 5 fail, it is first tried again, then held while a dependency is away, and at
    last dead-lettered. A message that succeeds at once does not come by these.
    """
    attempt = slots.wrap(transact(handler))
    if watch is not None:
        attempt = watch.attempt(_awaiting(attempt))
    again = retry.wrap(_begin_again(attempt))
    if outage is not None:
        again = outage.wrap(again)
    buried = dead_letter.wrap(again)

    def rescued(delivery: Delivery) -> Awaitable[None] | None:
        try:
            rest = attempt(delivery) if accept(delivery) else None
        except Exception as error:  # whatever it is, it ends in one of the three
            return rescue(delivery, error)
        return None if rest is None else finish(delivery, rest)

    async def finish(delivery: Delivery, rest: Awaitable[None]) -> None:
        try:
            await rest
        except Exception as error:  # as above
            await rescue(delivery, error)

    async def rescue(delivery: Delivery, error: Exception) -> None:
        turn_to(delivery)
        delivery.error = error
        await buried(delivery)

    whole = idempotency.wrap(rescued)
    return whole if watch is None else watch.message(_awaiting(whole))


def _awaiting(step: Step) -> Handle:
    async def handle(delivery: Delivery) -> None:
        rest = step(delivery)
        if rest is not None:
            await rest

    return handle


def _begin_again(attempt: Step) -> Handle:
    """The first time raise what a delivery has failed with, then attempt it."""
    handle_again = _awaiting(attempt)

    async def handle(delivery: Delivery) -> None:
        error, delivery.error = delivery.error, None
        if error is not None and not isinstance(error, SchemaUnknownError):
            raise error
        if delivery.payload is not None or await _accepted_at_last(delivery):
            await handle_again(delivery)

    return handle


async def _accepted_at_last(delivery: Delivery) -> bool:
    """Accept a delivery that could not be read before some schemas were there."""
    while True:
        try:
            return accept(delivery)
        except SchemaUnknownError as error:
            delivery.attempts += 1
            await error.fetch()
            delivery.attempts -= 1


def call(
    contract: Contract,
    handlers: Handlers | None,
    client: Client,
    threads: Executor,
    prefix: str = "",
) -> Handle:
    """The innermost step: the handler's method, within the context of its message.

    A method that is a plain `def` runs in one of `threads`, so that it blocks nobody else.

    Raises:
        StartError: the contract has messages to receive, and their handlers are missing.
    """
    if handlers is None and contract.received:
        topics = ", ".join(topic.address for topic in contract.received)
        raise StartError(
            f"{topics} must be handled: give the handlers, `bus.run(MyHandlers())`;"
            " a process that only emits can do so with a SQL store, `bus.transaction()`"
        )
    replies = Replies(contract, prefix)
    methods: dict[str, Method] = {}
    replying = {m.handler for topic in contract.received for m in topic.received if m.reply}
    for topic in contract.received:
        for message in topic.received:
            name = message.handler or ""
            method = getattr(handlers, name, None)
            if method is None:
                raise StartError(f"{message.name} on {topic.address} needs a handler: `{name}`")
            run = method if inspect.iscoroutinefunction(method) else _in_thread(method, threads)
            methods[name] = replies.of(run) if name in replying else run

    def handle(delivery: Delivery) -> Coroutine[Any, Any, None]:
        message = delivery.message
        if message is None or message.handler is None:
            raise AssertionError("a delivery reaches its handler decoded")
        context: Context[Any, Any] = Context(delivery, delivery.client or client)
        # Not reset: the worker's task sets it anew for each message.
        current.set(context)
        return methods[message.handler](delivery.payload, context)

    return handle


def _in_thread(method: Callable[[Any, Context[Any, Any]], Any], threads: Executor) -> Method:
    async def run(payload: BaseModel, context: Context[Any, Any]) -> object:
        loop = asyncio.get_running_loop()
        thread_loop.set(loop)
        variables = copy_context()

        def call() -> object:
            try:
                return variables.run(method, payload, context)
            except StopIteration as error:  # as in a coroutine; no future takes it
                raise RuntimeError("the handler raised StopIteration") from error

        running = loop.run_in_executor(threads, call)
        thread_loop.set(None)
        try:
            result = await asyncio.shield(running)
        except asyncio.CancelledError:
            # A thread cannot be stopped: its message is not done, nor its slot free, before it.
            await asyncio.wait((running,))
            raise
        if inspect.isawaitable(result):  # a plain `def` that returns a coroutine
            return await result
        return result

    return run
