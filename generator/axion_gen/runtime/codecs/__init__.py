"""How payloads are written that are not JSON. Each codec is imported by who needs it alone."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from pydantic import BaseModel

from ..errors import DependencyUnavailable

if TYPE_CHECKING:
    from .registry import Registry

ModelT = TypeVar("ModelT", bound=BaseModel)


class Codec(Protocol):
    """Writes payloads, and reads them."""

    @property
    def has_schema_ids(self) -> bool:
        """Whether each payload carries the id that its schema has in a registry."""
        ...

    def read(self, value: bytes, model: type[ModelT]) -> ModelT:
        """Make a payload of a record's value.

        Raises:
            InvalidMessageError: it is none; its content is not quoted.
            pydantic.ValidationError: it breaks the contract.
            SchemaUnknownError: what it is written with has to be fetched first.
        """
        ...

    def write(self, message: BaseModel, address: str) -> Coroutine[Any, Any, bytes]:
        """Make a record's value for the topic of an address.

        Raises:
            ValueError: the schema has no room for what the message holds.
            EmitError: the schema has no id, or none is to be had now.
        """
        ...

    def claims(self, value: bytes) -> bool:
        """Whether a value itself says that it is of this codec's schema, by an id that it carries.

        Raises:
            SchemaUnknownError: what it is written with has to be fetched first.
        """
        ...

    def with_registry(self, registry: "Registry") -> Self:
        """The same, with a registry for the ids."""
        ...


class SchemaUnknownError(DependencyUnavailable):
    """A payload's schema has to be fetched before it can be read: `await error.fetch()`."""

    def __init__(self, fetch: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__("the schema of its payload is not known yet")
        self.fetch = fetch
