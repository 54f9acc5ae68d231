"""Places in a message that the contract names: `$message.header#/replyTo`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from .errors import RequestError
from .headers import RawHeaders

_EXPRESSION: Final = re.compile(r"\$message\.(header|payload)#((?:/.*)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Location:
    """A header, or a place in the payload."""

    expression: str
    """How the contract writes it: a runtime expression of AsyncAPI."""
    header: str | None
    """The header's name; none: it is in the payload."""
    path: tuple[str, ...]
    """Where it is in the payload, from the outermost property."""

    def read(self, headers: RawHeaders, payload: object) -> object:
        """What is there; none if nothing is. `payload` is a model, or JSON."""
        if self.header is not None:
            value = next((value for name, value in headers if name == self.header), None)
            return None if value is None else value.decode(errors="replace")
        found: object = payload
        if isinstance(payload, BaseModel):
            found = payload.model_dump(by_alias=True)
        for step in self.path:
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, Sequence) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found

    def write(self, payload: BaseModel, value: object) -> BaseModel:
        """A copy of a payload that has a value there.

        Raises:
            RequestError: it can have none there, or none like this.
        """
        whole = payload.model_dump(by_alias=True, exclude_unset=True)
        inner: Any = whole
        try:
            for step in self.path[:-1]:
                inner = inner.setdefault(step, {})
            inner[self.path[-1]] = value
            return type(payload).model_validate(whole)
        except (ValidationError, LookupError, TypeError, AttributeError):
            raise RequestError(
                f"{type(payload).__name__} takes no {type(value).__name__} at {self.expression}:"
                " give it a value there"
            ) from None


@cache  # there are as many as the contract has
def location(expression: str) -> Location:
    """The place that a runtime expression names.

    Raises:
        ValueError: it names none.
    """
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise ValueError(f"{expression!r} is no place in a message")
    path = tuple(
        step.replace("~1", "/").replace("~0", "~") for step in found[2].removeprefix("/").split("/")
    )
    if found[1] == "header":
        return Location(expression, "/".join(path), ())
    return Location(expression, None, path if found[2] else ())
