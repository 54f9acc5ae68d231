"""A registry of schemas: whatever is written with one carries its id there.

The requests are those of Confluent's registry, which others answer too (Apicurio, Karapace,
Redpanda).
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final, Protocol
from urllib.parse import quote

from ..errors import EmitError, InvalidMessageError
from ..settings import KafkaSettings
from .references import with_references
from .rest import RefusedError, Rest, unavailable

MOST_UNKNOWN_IDS: Final = 1000
"""So many ids that the registry does not know are remembered."""
UNKNOWN_S: Final = 60.0
"""So long an id is believed to be unknown."""
MOST_REFERENCES: Final = 200
"""So many other schemas a schema may be made of."""
_REFUSED: Final = (409, 422)
_UNREADABLE: Final = {"type": "unreadable"}
"""What is no Avro: whatever is written with it is invalid."""


class Registry(Protocol):
    """Schemas by their ids."""

    def known(self, id_: int) -> object | None:
        """A schema that was fetched; none if it was not.

        Raises:
            InvalidMessageError: the registry has none of this id.
        """
        ...

    async def fetch(self, id_: int) -> None:
        """Have a schema known.

        Raises:
            SchemaRegistryUnavailableError: the registry does not say.
        """
        ...

    async def id_of(self, schema: object, subject: str, address: str) -> int:
        """The id of a schema; it is registered if it was not.

        Args:
            schema: it, as JSON has it.
            subject: what it is registered under; `{topic}` stands for the topic.
            address: the topic, without the prefix.

        Raises:
            SchemaRegistryUnavailableError: the registry does not say.
            EmitError: it refuses the schema.
        """
        ...


class HttpRegistry:
    """A registry by its REST interface."""

    def __init__(self, settings: Callable[[], KafkaSettings]) -> None:
        """With settings that are asked for once they are needed."""
        self._settings = settings
        self._rest = Rest(settings)
        self._schemas: dict[int, object] = {}
        self._unknown: dict[int, float] = {}
        """Ids that the registry does not have, and until when that is believed."""
        self._ids: dict[tuple[str, str], int] = {}

    def known(self, id_: int) -> object | None:
        """See `Registry`."""
        if self._unknown.get(id_, 0) > time.monotonic():
            raise InvalidMessageError(f"the schema registry has no schema {id_}")
        return self._schemas.get(id_)

    async def fetch(self, id_: int) -> None:
        """See `Registry`."""
        async with self._rest.turn():
            if id_ in self._schemas or self._unknown.get(id_, 0) > time.monotonic():
                return
            try:
                answer = await self._rest.ask(f"/schemas/ids/{id_}")
            except RefusedError as error:
                if not error.is_not_found:
                    raise unavailable(f"answers {error.status} to the id {id_}") from None
                if len(self._unknown) >= MOST_UNKNOWN_IDS:
                    self._unknown.clear()
                self._unknown[id_] = time.monotonic() + UNKNOWN_S
                return
            if not isinstance(answer.get("schema"), str):
                raise unavailable(f"answers to the id {id_} with something other than a schema")
            try:
                self._schemas[id_] = await self._schema(answer)
            except (ValueError, TypeError, LookupError, RecursionError):
                self._schemas[id_] = _UNREADABLE

    async def _schema(self, answer: dict[str, Any]) -> object:
        """The schema of an answer, with those that it refers to."""
        if answer.get("schemaType", "AVRO") != "AVRO":
            return _UNREADABLE
        schema = json.loads(answer["schema"])
        others: dict[str, object] = {}
        waiting = list(answer.get("references") or ())
        while waiting:
            reference = waiting.pop()
            name, subject, version = (reference[k] for k in ("name", "subject", "version"))
            if name in others:
                continue
            if len(others) == MOST_REFERENCES:
                raise ValueError(name)
            # As its writer knew it, whatever has become of it there.
            place = f"/subjects/{quote(subject, safe='')}/versions/{int(version)}"
            try:
                answer = await self._rest.ask(f"{place}?deleted=true")
            except RefusedError as error:
                raise unavailable(
                    f"answers {error.status} to version {version} of {subject}, which a schema"
                    " refers to"
                ) from None
            others[name] = json.loads(answer["schema"])
            waiting += answer.get("references") or ()
        return with_references(schema, others)

    async def id_of(self, schema: object, subject: str, address: str) -> int:
        """See `Registry`."""
        text = json.dumps(schema)
        subject = subject.replace("{topic}", f"{self._settings().topic_prefix}{address}")
        known = self._ids.get((text, subject))
        if known is not None:
            return known
        async with self._rest.turn():
            try:
                id_ = await self._registered(f"/subjects/{quote(subject, safe='')}", text)
            except RefusedError as error:
                if error.status in _REFUSED:
                    raise EmitError(
                        f"the schema registry refuses the schema for {subject} ({error.status}):"
                        " it is not compatible with those before it, or invalid; several records"
                        " on one topic need `schemaLookupStrategy: TopicRecordNameStrategy`"
                    ) from None
                raise unavailable(f"answers {error.status} to the schema of {subject}") from None
        if not isinstance(id_, int) or not 0 <= id_ < 1 << 32:
            raise unavailable(f"gives the schema of {subject} no id")
        self._ids[text, subject] = id_
        self._schemas.setdefault(id_, schema)
        return id_

    async def _registered(self, subject: str, text: str) -> object:
        """What it says is the id of a schema under a subject, which has it from now on."""
        content = {"schema": text}
        try:
            answer = await self._rest.ask(subject, content)
        except RefusedError as error:
            if not error.is_not_found:
                raise
            answer = await self._rest.ask(f"{subject}/versions", content)
        return answer.get("id")


class MemoryRegistry:
    """A registry in memory, for tests."""

    def __init__(self) -> None:
        self._schemas: list[object] = []

    def add(self, schema: object) -> int:
        """Register a schema; its id."""
        if schema not in self._schemas:
            self._schemas.append(schema)
        return self._schemas.index(schema) + 1

    def known(self, id_: int) -> object | None:
        """See `Registry`."""
        if not 0 < id_ <= len(self._schemas):
            raise InvalidMessageError(f"the schema registry has no schema {id_}")
        return self._schemas[id_ - 1]

    async def fetch(self, id_: int) -> None:
        """See `Registry`: all there are are known."""

    async def id_of(self, schema: object, subject: str, address: str) -> int:
        """See `Registry`."""
        return self.add(schema)
