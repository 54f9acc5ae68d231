"""Asking a schema registry over HTTP: one at a time, within bounds, and nowhere else."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import SchemaRegistryUnavailableError
from ..settings import KafkaSettings

TIMEOUT_S: Final = 5.0
"""How long the registry may take to answer."""
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
NOT_FOUND: Final = frozenset({40401, 40402, 40403})
"""The registry's own words for a subject, a version or a schema that it does not have.

A plain 404 is anybody's, of a proxy or of a wrong path, and says nothing of schemas.
"""
_CONTENT: Final = "application/vnd.schemaregistry.v1+json"


class RefusedError(Exception):
    """The registry, or what stands before it, answers that something is wrong."""

    def __init__(self, status: int, code: object) -> None:
        super().__init__(f"answers {status}")
        self.status = status
        self.is_not_found = code in NOT_FOUND
        """Whether it has not got what it was asked for."""


class Rest:
    """A registry's REST interface."""

    def __init__(self, settings: Callable[[], KafkaSettings]) -> None:
        """With settings that are asked for once they are needed."""
        self._settings = settings
        self._asking = asyncio.Lock()
        self._failed_at = 0.0
        # What the settings say, and nowhere else: a redirection may lead away with a password.
        self._open = build_opener(_NoRedirect).open

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One asks at a time; if it gets no answer, who waits meanwhile has none either."""
        began = time.monotonic()
        async with self._asking:
            if self._failed_at > began:
                raise unavailable("does not answer")
            try:
                yield
            except SchemaRegistryUnavailableError:
                self._failed_at = time.monotonic()
                raise

    async def ask(self, path: str, content: object = None) -> dict[str, Any]:
        """What the registry answers.

        Raises:
            RefusedError: it answers that something is wrong.
            SchemaRegistryUnavailableError: it does not answer.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S + 0.5):  # a thread that hangs is left alone
                answer = await asyncio.to_thread(self._answer, self._request(path, content))
        except HTTPError as error:
            with error:
                raise RefusedError(error.code, _code(error)) from None
        except OSError as error:  # URLError and TimeoutError are such
            reason = error.reason if isinstance(error, URLError) else error
            raise unavailable(f"cannot be asked: {reason or type(error).__name__}") from None
        if len(answer) > MAX_ANSWER_BYTES:
            raise unavailable(f"answers with more than {MAX_ANSWER_BYTES:,} bytes")
        try:
            read: Any = json.loads(answer)
        except (ValueError, RecursionError):
            raise unavailable("answers with something other than JSON") from None
        if not isinstance(read, dict):
            raise unavailable("answers with something other than an object")
        return read

    def _request(self, path: str, content: object) -> Request:
        settings = self._settings()
        if settings.schema_registry_url is None:
            raise unavailable("is not known: set KAFKA_SCHEMA_REGISTRY_URL")
        headers = {"Accept": f"{_CONTENT}, application/json", "Content-Type": _CONTENT}
        if settings.schema_registry_username is not None:
            secret = settings.schema_registry_password
            password = secret.get_secret_value() if secret is not None else ""
            credentials = f"{settings.schema_registry_username}:{password}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
        return Request(  # noqa: S310 - the settings let nothing but HTTP pass
            settings.schema_registry_url.rstrip("/") + path,
            None if content is None else json.dumps(content).encode(),
            headers,
        )

    def _answer(self, request: Request) -> bytes:
        answer = b""
        deadline = time.monotonic() + TIMEOUT_S
        with self._open(request, timeout=TIMEOUT_S) as response:
            while len(answer) <= MAX_ANSWER_BYTES and (part := response.read1(1 << 16)):
                answer += part
                if time.monotonic() > deadline:
                    raise TimeoutError("it is too slow")
        return answer


def unavailable(what: str) -> SchemaRegistryUnavailableError:
    """The error that says what is the matter with the registry."""
    return SchemaRegistryUnavailableError(f"the schema registry {what}")


def _code(error: HTTPError) -> object:
    """What the registry itself says that is wrong."""
    try:
        answer = json.loads(error.read(1 << 16))
    except (OSError, ValueError, RecursionError):
        return None
    code = answer.get("error_code") if isinstance(answer, dict) else None
    return code if isinstance(code, int) else None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None
