"""A registry of schemas: whatever is written with one carries its id there.

The requests are those of Confluent's registry, which others answer too (Apicurio, Karapace,
Redpanda).
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import EmitError, InvalidMessageError, SchemaRegistryUnavailableError
from ..settings import KafkaSettings

TIMEOUT_S: Final = 5.0
"""How long the registry may take to answer."""
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
MOST_UNKNOWN_IDS: Final = 1000
"""So many ids that the registry does not know are remembered."""

_CONTENT: Final = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND: Final = 404


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

    async def id_of(self, schema: object, address: str) -> int:
        """The id of a schema of a topic's values; it is registered if it was not.

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
        self._schemas: dict[int, object] = {}
        self._unknown: dict[int, float] = {}
        """Ids that the registry does not have, and until when that is believed."""
        self._ids: dict[tuple[str, str], int] = {}
        self._asking = asyncio.Lock()
        self._failed_at = 0.0
        # What the settings say, and nowhere else: a redirection may lead away with a password.
        self._open = build_opener(_NoRedirect).open

    def known(self, id_: int) -> object | None:
        """See `Registry`."""
        if self._unknown.get(id_, 0) > time.monotonic():
            raise InvalidMessageError(f"the schema registry has no schema {id_}")
        return self._schemas.get(id_)

    async def fetch(self, id_: int) -> None:
        """See `Registry`."""
        async with self._turn():
            if id_ in self._schemas or self._unknown.get(id_, 0) > time.monotonic():
                return
            try:
                answer = await self._ask(f"/schemas/ids/{id_}")
            except HTTPError as error:
                if error.code != _NOT_FOUND:
                    raise _unavailable(f"answers {error.code} to a schema's id") from None
                if len(self._unknown) >= MOST_UNKNOWN_IDS:
                    self._unknown.clear()
                self._unknown[id_] = time.monotonic() + 60
                return
            kind, references = answer.get("schemaType", "AVRO"), answer.get("references")
            if kind != "AVRO" or references:
                # A schema as no reader has it: whoever reads with it says that it is invalid.
                self._schemas[id_] = {"type": f"{kind} with references" if references else kind}
                return
            try:
                self._schemas[id_] = json.loads(answer["schema"])
            except (ValueError, TypeError, LookupError, RecursionError):
                raise _unavailable(f"has no readable schema {id_}") from None

    async def id_of(self, schema: object, address: str) -> int:
        """See `Registry`."""
        text = json.dumps(schema)
        known = self._ids.get((text, address))
        if known is not None:
            return known
        subject = quote(f"{self._settings().topic_prefix}{address}-value", safe="")
        async with self._turn():
            try:
                try:
                    answer = await self._ask(f"/subjects/{subject}", {"schema": text})
                except HTTPError as error:
                    if error.code != _NOT_FOUND:
                        raise
                    answer = await self._ask(f"/subjects/{subject}/versions", {"schema": text})
                id_ = answer.get("id")
            except HTTPError as error:
                if error.code in (409, 422):
                    raise EmitError(
                        f"the schema registry refuses the schema for {address} ({error.code}): it"
                        " is not compatible with those before it, or invalid"
                    ) from None
                raise _unavailable(f"answers {error.code} to the schema of {address}") from None
        if not isinstance(id_, int) or not 0 <= id_ < 1 << 32:
            raise _unavailable(f"gives the schema of {address} no id")
        self._ids[text, address] = id_
        self._schemas.setdefault(id_, schema)
        return id_

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One asks at a time; if it gets no answer, who waits meanwhile has none either."""
        began = time.monotonic()
        async with self._asking:
            if self._failed_at > began:
                raise _unavailable("does not answer")
            try:
                yield
            except SchemaRegistryUnavailableError:
                self._failed_at = time.monotonic()
                raise

    async def _ask(self, path: str, content: object = None) -> dict[str, Any]:
        """What the registry answers.

        Raises:
            HTTPError: it answers that something is wrong.
            SchemaRegistryUnavailableError: it does not answer.
        """
        settings = self._settings()
        if settings.schema_registry_url is None:
            raise _unavailable("is not known: set KAFKA_SCHEMA_REGISTRY_URL")
        headers = {"Accept": f"{_CONTENT}, application/json", "Content-Type": _CONTENT}
        if settings.schema_registry_username is not None:
            secret = settings.schema_registry_password
            password = secret.get_secret_value() if secret is not None else ""
            credentials = f"{settings.schema_registry_username}:{password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
        request = Request(  # noqa: S310 - the settings let nothing but HTTP pass
            settings.schema_registry_url.rstrip("/") + path,
            None if content is None else json.dumps(content).encode(),
            headers,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S + 0.5):  # a thread that hangs is left alone
                answer = await asyncio.to_thread(self._answer, request)
            if len(answer) > MAX_ANSWER_BYTES:
                raise _unavailable(f"answers with more than {MAX_ANSWER_BYTES:,} bytes")
            read: Any = json.loads(answer)
        except HTTPError as error:
            with error:
                raise
        except OSError as error:  # URLError and TimeoutError are such
            reason = error.reason if isinstance(error, URLError) else error
            raise _unavailable(f"cannot be asked: {reason or type(error).__name__}") from None
        except (ValueError, RecursionError):
            raise _unavailable("answers with something other than JSON") from None
        if not isinstance(read, dict):
            raise _unavailable("answers with something other than an object")
        return read

    def _answer(self, request: Request) -> bytes:
        answer = b""
        deadline = time.monotonic() + TIMEOUT_S
        with self._open(request, timeout=TIMEOUT_S) as response:
            while len(answer) <= MAX_ANSWER_BYTES and (part := response.read1(1 << 16)):
                answer += part
                if time.monotonic() > deadline:
                    raise TimeoutError("it is too slow")
        return answer


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

    async def id_of(self, schema: object, address: str) -> int:
        """See `Registry`."""
        return self.add(schema)


def _unavailable(what: str) -> SchemaRegistryUnavailableError:
    return SchemaRegistryUnavailableError(f"the schema registry {what}")


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None
