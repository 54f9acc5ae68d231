"""Payloads in Avro, by fastavro: bytes without a schema, or behind its id in a registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, RootModel

from ..errors import InvalidMessageError
from . import SchemaUnknownError
from .avro_bytes import Walk
from .registry import Registry

try:
    import fastavro  # type: ignore[import-not-found,unused-ignore]
except ImportError as error:
    raise ImportError(
        "payloads in Avro are read and written by fastavro: add `fastavro>=1.12,<2` to the"
        " service's dependencies"
    ) from error

ModelT = TypeVar("ModelT", bound=BaseModel)

FRAME_BYTES: Final = 5
"""A zero byte, and the schema's id in four bytes."""


@dataclass(frozen=True, eq=False)
class Avro:
    """How one payload is written."""

    schema: Any
    """Its Avro schema, as JSON has it."""
    subject: str | None = None
    """What the schema is registered under, where the bytes follow the id of the one that they are
    written with; `{topic}` stands for the topic."""
    records: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    """The models of the records that stand in unions, by their full names in the schema."""
    registry: Registry | None = None
    """Where the ids are."""

    @property
    def has_schema_ids(self) -> bool:
        """See `Codec`."""
        return self.subject is not None

    def with_registry(self, registry: Registry) -> Self:
        """See `Codec`."""
        return replace(self, registry=registry) if self.has_schema_ids else self

    # reading

    def read(self, value: bytes, model: type[ModelT]) -> ModelT:
        """See `Codec`."""
        own = self._own
        if self.has_schema_ids:
            written = self._written(value)
            value = value[FRAME_BYTES:]
        else:
            written = own
        found = written.read(value, None if written.name == own.name else own)
        return model.model_validate(self._with_models(found) if self.records else found)

    def claims(self, value: bytes) -> bool:
        """See `Codec`."""
        if not self.has_schema_ids or not _is_framed(value):
            return False
        try:
            written = self._written(value)
        except InvalidMessageError:
            return False
        return written.record is not None and written.record == self._own.record

    def _written(self, value: bytes) -> "_Schema":
        """The schema that a value is written with, by its id."""
        if not _is_framed(value):
            raise InvalidMessageError("no schema's id stands before the payload")
        registry, id_ = self._needed, int.from_bytes(value[1:FRAME_BYTES])
        written = self._others.get(id_)
        if written is None:
            schema = registry.known(id_)
            if schema is None:
                raise SchemaUnknownError(lambda: registry.fetch(id_))
            written = self._own if schema == self.schema else _Schema(schema, f"schema {id_}")
            self._others[id_] = written
        return written

    @property
    def _needed(self) -> Registry:
        if self.registry is None:
            raise AssertionError("a bus gives its contract a registry")
        return self.registry

    @cached_property
    def _own(self) -> "_Schema":
        return _Schema(self.schema, "the schema of the contract")

    @cached_property
    def _others(self) -> "dict[int, _Schema]":
        return {}

    def _with_models(self, value: Any) -> Any:
        """What was read, with models for the records of unions, which have their names."""
        if isinstance(value, tuple):
            name, content = value
            content, model = self._with_models(content), self.records.get(name)
            return content if model is None else model.model_validate(content)
        if isinstance(value, dict):
            return {key: self._with_models(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._with_models(part) for part in value]
        return value

    # writing

    async def write(self, message: BaseModel, address: str) -> bytes:
        """See `Codec`."""
        out = BytesIO()
        if self.subject is not None:
            id_ = await self._needed.id_of(self.schema, self.subject, address)
            out.write(b"\0" + id_.to_bytes(FRAME_BYTES - 1))
        try:
            fastavro.schemaless_writer(out, self._own.parsed, self._plain(message))
        except Exception as error:  # whatever fastavro has to say
            raise ValueError(
                f"{type(message).__name__} does not fit its Avro schema: {error}"
            ) from None
        return out.getvalue()

    def _plain(self, value: Any) -> Any:
        """A value as fastavro takes it; a record of a union says which one it is."""
        if isinstance(value, RootModel):
            return self._plain(value.root)
        if isinstance(value, BaseModel):
            # What was left out has the default that the schema says.
            fields = {
                declared.alias or name: self._plain(part)
                for name, declared in type(value).model_fields.items()
                if name in value.model_fields_set
                and ((part := getattr(value, name)) is not None or declared.exclude_if is None)
            }
            name = self._names.get(type(value))
            return fields if name is None else {"-type": name, **fields}
        if isinstance(value, list | tuple):
            return [self._plain(part) for part in value]
        if isinstance(value, dict):
            return {key: self._plain(part) for key, part in value.items()}
        return value

    @cached_property
    def _names(self) -> dict[type[BaseModel], str]:
        return {model: name for name, model in self.records.items()}


class _Schema:
    """A schema that payloads are written with."""

    def __init__(self, schema: Any, name: str) -> None:
        self.name = name
        try:
            # A whole number is a default for a `double`, too: others write it so.
            self.parsed: Any = fastavro.parse_schema(schema, _ignore_default_error=True)
            self._walk = Walk(self.parsed)
        except Exception as error:  # whatever fastavro has to say of a schema
            raise InvalidMessageError(f"{name} is no Avro: {type(error).__name__}") from None

    @property
    def record(self) -> str | None:
        """The full name of its type, if it has one."""
        return self.parsed.get("name") if isinstance(self.parsed, dict) else None

    def read(self, value: bytes, reader: "_Schema | None") -> Any:
        """What is written, as another schema has it if there is one."""
        if self._walk.is_needed:
            self._walk.check(value)
        content = BytesIO(value)
        try:
            found = fastavro.schemaless_reader(
                content,
                self.parsed,
                None if reader is None else reader.parsed,
                return_record_name=True,  # where one of several records is meant
                return_record_name_override=True,
            )
        except Exception as error:  # whatever the bytes lead to
            self._walk.check(value)  # says where
            raise InvalidMessageError(
                f"the payload is no Avro of {self.name}: {type(error).__name__}"
            ) from None
        left = len(value) - content.tell()
        if left:
            raise InvalidMessageError(
                f"the payload is no Avro of {self.name}: {left:,} bytes are left over"
            )
        return found


def _is_framed(value: bytes) -> bool:
    return len(value) >= FRAME_BYTES and value[0] == 0
