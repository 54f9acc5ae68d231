"""Statements that are executed for each message, made once."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (  # type: ignore[import-not-found,unused-ignore]
    Connection,
    Dialect,
)


class Statement:
    """A statement as the driver is given it.

    What SQLAlchemy does for each execution of an expression, to look up what it has compiled
    of it and to bring its parameters into form, costs more than the execution itself.
    """

    def __init__(self, statement: Any, dialect: Dialect, names: Iterable[str] = ()) -> None:
        """Compile it; `names` are the columns that an INSERT is given values of."""
        compiled = statement.compile(dialect=dialect, column_keys=[*names] or None)
        self._text = str(compiled)
        self._constants: dict[str, Any] = compiled.construct_params(_check=False)
        self._order: list[str] | None = compiled.positiontup

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Execute it; what is left out has the value that the statement was made with."""
        return connection.exec_driver_sql(self._text, self._parameters(values))

    def execute_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute it once for each."""
        connection.exec_driver_sql(self._text, [self._parameters(values) for values in rows])

    def _parameters(self, values: Mapping[str, Any]) -> Any:
        named = {**self._constants, **values}
        return named if self._order is None else tuple([named[name] for name in self._order])
