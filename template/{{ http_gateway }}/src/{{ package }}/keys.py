"""The keys that the issuer signs tokens with: kept, and fetched again before they are old."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from .errors import UnavailableError

logger = logging.getLogger(__name__)

FRESH_S: Final = 300.0
"""Between two fetches while nothing happens: so long a key counts that was withdrawn."""
RETRY_S: Final = 5.0
"""Between two fetches while the issuer does not answer."""
KEPT_S: Final = 3600.0
"""So long the keys count while the issuer does not answer."""
PAUSE_S: Final = 1.0
"""Between two fetches at least, whatever is sent as a token: the issuer is not ours to flood."""


class Keys:
    """The issuer's keys by their ids; `fetch` gets the JWK Set (RFC 7517), or raises an `OSError`."""

    def __init__(self, fetch: Callable[[], Awaitable[Any]]) -> None:
        self._fetch = fetch
        self._keys: dict[str | None, PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def keep(self) -> None:
        """Fetch the keys now, and again and again, until this is cancelled."""
        while True:
            began = time.monotonic()
            await self._refresh(began)
            await asyncio.sleep(FRESH_S if self._fetched_at >= began else RETRY_S)

    @property
    def at_hand(self) -> bool:
        """Whether there are keys that count."""
        return bool(self._counting())

    async def find(self, key_id: str | None) -> PyJWK | None:
        """The key with an id. One that is not known may be new, so the issuer is asked.

        Raises:
            UnavailableError: it has not answered.
        """
        asked_at = time.monotonic()
        key = self._counting().get(key_id)
        if key is None:
            await self._refresh(asked_at)
            key = self._counting().get(key_id)
            if key is None and self._fetched_at < asked_at:
                raise UnavailableError("the issuer of the token does not answer")
        return key

    def _counting(self) -> dict[str | None, PyJWK]:
        return self._keys if time.monotonic() - self._fetched_at < KEPT_S else {}

    async def _refresh(self, asked_at: float) -> None:
        async with self._one_at_a_time:
            if self._tried_at >= asked_at:  # somebody has asked meanwhile
                return
            await asyncio.sleep(max(0.0, self._tried_at + PAUSE_S - time.monotonic()))
            self._tried_at = time.monotonic()
            try:
                self._keys = _signing_keys(await self._fetch())
            except (OSError, ValueError, PyJWTError) as error:
                logger.warning("the keys of the issuer cannot be had: %s", error)
            else:
                self._fetched_at = time.monotonic()


def _signing_keys(document: Any) -> dict[str | None, PyJWK]:
    if not isinstance(document, dict):
        raise ValueError("what came is no JWK Set")
    # A secret in a public document is nobody's proof of anything.
    public = [
        key
        for key in PyJWKSet.from_dict(document).keys
        if key.key_type != "oct" and key.public_key_use in {None, "sig"}
    ]
    keys: dict[str | None, PyJWK] = {key.key_id: key for key in public}
    if len(public) == 1:  # then a token need not name it
        keys[None] = public[0]
    return keys
