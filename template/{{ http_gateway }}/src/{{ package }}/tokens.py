"""Who calls: what a token says, once its signature, issuer, audience and times are verified."""

from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.exceptions import ExpiredSignatureError, InvalidTokenError

from .errors import UnauthorizedError
from .keys import Keys
from .settings import Settings

ALGORITHMS: Final = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
"""Signatures by a private key. A secret that both sides know would let every gateway sign."""
LEEWAY_S: Final = 10
"""Clocks differ by so much."""
MAX_BYTES: Final = 1024
"""Of a value that becomes a header."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and in which project they work."""

    user_id: str
    project_id: str


class Tokens:
    """Verifies tokens of one issuer for one audience."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys

    async def caller(self, authorization: str | None) -> Caller:
        """Who sent a request with this `Authorization`.

        Raises:
            UnauthorizedError: nobody that can be believed.
            UnavailableError: it cannot be told, for the issuer's keys cannot be had.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("a token is needed: Authorization: Bearer ...")
        claims = await self._verified(token.strip())
        return Caller(
            user_id=_value(claims, self._settings.auth_user_claim),
            project_id=_value(claims, self._settings.auth_project_claim),
        )

    async def _verified(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except InvalidTokenError:
            raise UnauthorizedError("the token is no JWT") from None
        key = await self._keys.find(header.get("kid"))
        if key is None:
            raise UnauthorizedError("the token is signed with a key that its issuer does not have")
        try:
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._settings.auth_issuer,
                audience=self._settings.auth_audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )
        except ExpiredSignatureError:
            raise UnauthorizedError("the token has expired") from None
        except InvalidTokenError:
            raise UnauthorizedError("the token is not valid here") from None


def _value(claims: dict[str, Any], name: str) -> str:
    """A claim that can stand in a header as it is."""
    value = claims.get(name)
    fit = (
        isinstance(value, str)
        and value.isprintable()
        and value == value.strip()
        and 0 < len(value.encode()) <= MAX_BYTES
    )
    if not fit or not isinstance(value, str):
        raise UnauthorizedError(f"the token says nothing usable in {name}")
    return value
