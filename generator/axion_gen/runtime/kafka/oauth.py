"""Tokens for SASL's OAUTHBEARER: the client credentials flow of OAuth 2 (RFC 6749, 4.4)."""

import asyncio
import base64
import json
import time
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from aiokafka.abc import AbstractTokenProvider  # type: ignore[import-untyped]  # ships no types
from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    AuthenticationFailedError,
    KafkaConnectionError,
)

# aiokafka's abstract method returns nothing.
# pyright: reportIncompatibleMethodOverride=false
from ..settings import KafkaSettings

TIMEOUT_S = 4.0
"""How long the endpoint may take; a connection as a whole has a little longer."""
MAX_ANSWER_BYTES = 64 * 1024
USED_SHARE = 0.8
"""A token is replaced after this share of its life."""


class TokenRefusedError(AuthenticationFailedError):  # type: ignore[misc]  # untyped base
    """The endpoint gives this client no token, and asking again will not help."""


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # untyped base
    """Gets a token with the client's id and secret, and keeps it until shortly before its end.

    No error shows the secret or a token.
    """

    def __init__(self, url: str, client_id: str, secret: str, scope: str | None) -> None:
        self._url = url
        # As RFC 6749, 2.3.1 has it: encoded as in a form, then as HTTP's basic credentials.
        credentials = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
        self._authorization = "Basic " + base64.b64encode(credentials).decode()
        form = {"grant_type": "client_credentials"}
        if scope:
            form["scope"] = scope
        self._form = urlencode(form).encode()
        # Without TLS a proxy would read the secret.
        proxies = [] if url.startswith("https:") else [ProxyHandler({})]
        self._open = build_opener(_NoRedirect, *proxies).open
        self._token = ""
        self._good_until = 0.0
        self._asking = asyncio.Lock()

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self:
        """As the settings have it; they are complete, or they would not have loaded."""
        secret = settings.sasl_oauthbearer_client_secret
        return cls(
            settings.sasl_oauthbearer_token_endpoint_url or "",
            settings.sasl_oauthbearer_client_id or "",
            secret.get_secret_value() if secret is not None else "",
            settings.sasl_oauthbearer_scope,
        )

    async def token(self) -> str:
        """A token that is good for a while.

        Raises:
            TokenRefusedError: the endpoint refuses, or does not speak OAuth.
            KafkaConnectionError: it does not answer; trying again may help.
        """
        async with self._asking:
            if time.monotonic() >= self._good_until:
                begin = time.monotonic()
                async with asyncio.timeout(TIMEOUT_S + 0.5):  # a thread that hangs is left alone
                    self._token, life = await asyncio.to_thread(self._ask)
                self._good_until = begin + life * USED_SHARE
            return self._token

    def _ask(self) -> tuple[str, float]:
        request = Request(  # noqa: S310 - the settings let only https and the loopback pass
            self._url,
            self._form,
            {"Authorization": self._authorization, "Accept": "application/json"},
        )
        try:
            with self._open(request, timeout=TIMEOUT_S) as response:
                answer = _at_most(MAX_ANSWER_BYTES + 1, response)
        except HTTPError as error:
            with error:
                if error.code >= 500 or error.code == 429:
                    raise KafkaConnectionError(
                        f"the token endpoint answers with {error.code}"
                    ) from None
            raise TokenRefusedError(f"the token endpoint answers with {error.code}") from None
        except OSError as error:  # URLError is one
            reason = error.reason if isinstance(error, URLError) else error
            raise KafkaConnectionError(f"the token endpoint cannot be asked: {reason}") from None
        return _read(answer)


def _at_most(size: int, response: Any) -> bytes:
    answer = b""
    deadline = time.monotonic() + TIMEOUT_S
    while len(answer) < size and (part := response.read1(size - len(answer))):
        answer += part
        if time.monotonic() > deadline:
            raise TimeoutError("it is too slow")
    return answer


def _read(answer: bytes) -> tuple[str, float]:
    """The token and how long it lives, in seconds."""
    if len(answer) > MAX_ANSWER_BYTES:
        raise TokenRefusedError(f"the token endpoint's answer exceeds {MAX_ANSWER_BYTES} bytes")
    try:
        content: Any = json.loads(answer)
        token = content["access_token"]
        # Where it does not say how long, a token is used for a minute.
        life = float(content.get("expires_in", 60.0))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise TokenRefusedError("the token endpoint's answer holds no access_token") from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise TokenRefusedError("the token endpoint's access_token is no token")
    return token, life


class _NoRedirect(HTTPRedirectHandler):
    """The secret goes where the settings say, and nowhere else."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None
