"""Group commit: calls that come while a transaction is under way share the next one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Generic, TypeVar

logger = logging.getLogger(__name__)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

LARGEST: Final = 100
"""So many calls go together at most."""


class Batches(Generic[ItemT, ResultT]):
    """Answers single calls by running them in batches, one batch at a time.

    There is no timer: a call that finds nothing under way goes at once, and alone if it is.
    What goes wrong with a batch goes wrong with each of its calls.
    """

    def __init__(
        self,
        run: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        undo: Callable[[Sequence[ItemT]], Awaitable[None]] | None = None,
    ) -> None:
        self._run = run
        self._undo = undo
        self._waiting: list[tuple[ItemT, asyncio.Future[ResultT]]] = []
        self._running: asyncio.Task[None] | None = None

    async def call(self, item: ItemT) -> ResultT:
        """The result for one item.

        Of a caller that is cancelled the item is not run, or if its batch is under way
        undone after it.
        """
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(
                self._work(),
                name="store batch",
                context=Context(),  # it is nobody's in particular
            )
        return await future

    async def settle(self) -> None:
        """Wait until what is under way has ended."""
        if self._running is not None:
            await asyncio.wait((self._running,))

    async def _work(self) -> None:
        try:
            while self._waiting:
                waiting = [call for call in self._waiting if not call[1].cancelled()]
                batch, self._waiting = waiting[:LARGEST], waiting[LARGEST:]
                if batch:
                    await self._run_one(batch)
        finally:
            self._running = None

    async def _run_one(self, batch: Sequence[tuple[ItemT, asyncio.Future[ResultT]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
        except Exception as error:  # it belongs to those who called
            for _, future in batch:
                if not future.cancelled():
                    future.set_exception(error)
            return
        left: list[ItemT] = []
        for (item, future), result in zip(batch, results, strict=True):
            if future.cancelled():
                left.append(item)
            else:
                future.set_result(result)
        if left and self._undo is not None:
            try:
                await self._undo(left)
            except Exception as error:  # nobody waits for it any more
                logger.warning("%d cancelled calls are not undone: %s", len(left), error)
