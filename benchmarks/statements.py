"""The statements of a run, written down transaction by transaction and executed again alone."""

import asyncio
import gc
import pickle
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

TABLES = ("axion_inbox", "axion_outbox", "axion_lease", "bench_orders")


@dataclass
class Transaction:
    """What one transaction executes, as the driver is given it."""

    options: dict[str, Any]
    """How its connection was set: AUTOCOMMIT, say."""
    statements: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def ours(self) -> bool:
        """Whether it works on the tables at hand; what only looks at the schema does not."""
        return any(
            table in statement and not statement.startswith("PRAGMA")
            for statement, _ in self.statements
            for table in TABLES
        )


class Recorder:
    """Writes down what an engine executes, in the order in which the transactions begin."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._all: list[Transaction] = []
        self._open: dict[Connection, Transaction] = {}
        event.listen(engine.sync_engine, "before_cursor_execute", self._execute)
        event.listen(engine.sync_engine, "commit", self._end)
        event.listen(engine.sync_engine, "rollback", self._end)

    def _execute(
        self, connection: Connection, _: object, statement: str, parameters: Any, *__: object
    ) -> None:
        if connection not in self._open:
            options = connection.get_execution_options()
            kept = {name: options[name] for name in ("isolation_level",) if name in options}
            self._open[connection] = Transaction(kept)
            self._all.append(self._open[connection])
        self._open[connection].statements.append((statement, _kept(parameters)))

    def _end(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def save(self, path: Path) -> None:
        """Write down what there was until now."""
        path.write_bytes(pickle.dumps([each for each in self._all if each.ours]))


def _kept(parameters: Any) -> Any:
    """Parameters as they can be written down; SQLite's driver is given views of bytes."""
    if isinstance(parameters, list | tuple):
        return type(parameters)(map(_kept, parameters))
    return bytes(parameters) if isinstance(parameters, memoryview) else parameters


def load(path: Path) -> list[Transaction]:
    """What `Recorder.save` wrote."""
    transactions: list[Transaction] = pickle.loads(path.read_bytes())  # noqa: S301  # our own
    return transactions


async def execute_again(
    engine: AsyncEngine, transactions: list[Transaction], at_once: int
) -> float:
    """Execute what was written down, so many transactions at once; the seconds it took."""
    left = iter(transactions)
    # SQLite has one writer: they stand in a queue, where they would try again and again.
    turn = asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    async def worker() -> None:
        for transaction in left:
            options = transaction.options
            engine_ = engine.execution_options(**options) if options else engine
            async with turn, engine_.begin() as connection:
                for statement, parameters in transaction.statements:
                    result = await connection.exec_driver_sql(statement, parameters)
                    if result.returns_rows:
                        result.all()

    gc.collect()
    gc.freeze()  # the collector need not look at what was written down
    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return time.perf_counter() - begun
