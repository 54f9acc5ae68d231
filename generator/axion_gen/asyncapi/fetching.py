"""One document over HTTPS, within limits of size, time and redirections."""

import ssl
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_REDIRECTS: Final = 3
TIME_LIMIT_S: Final = 15.0
"""For all of it, whatever a server does to draw it out."""

_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class FetchError(Exception):
    """It could not be fetched; says why."""


def fetch(url: str, check: Callable[[str], None], time_limit_s: float = TIME_LIMIT_S) -> bytes:
    """The content at an address.

    Args:
        url: its address.
        check: raises FetchError where it may not be redirected to.
        time_limit_s: how long to wait for it.

    Raises:
        FetchError: it cannot be had within the limits.
    """
    answer: SimpleQueue[bytes | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answer.put(_followed(url, check, time_limit_s))
        except Exception as error:
            answer.put(error)

    # A time limit of a socket begins anew with each byte, and asking for a name has none.
    Thread(target=ask, daemon=True).start()
    try:
        got = answer.get(timeout=time_limit_s)
    except Empty:
        raise FetchError(f"it does not come within {time_limit_s:g} s") from None
    if isinstance(got, bytes):
        return got
    if isinstance(got, OSError | HTTPException | ValueError):
        raise FetchError(f"it cannot be fetched: {_reason(got)}") from got
    raise got


def _followed(url: str, check: Callable[[str], None], time_limit_s: float) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        answer = _get(url, time_limit_s)
        if isinstance(answer, bytes):
            return answer
        url = urljoin(url, answer)
        check(url)
    raise FetchError(f"it is moved more than {MAX_REDIRECTS} times")


def _get(url: str, time_limit_s: float) -> bytes | str:
    """The content, or the address it has moved to."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    connection = HTTPSConnection(
        parts.hostname or "", parts.port, timeout=time_limit_s, context=context
    )
    try:
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("GET", target, headers={"Accept": "*/*", "User-Agent": "axion-gen"})
        return _read(connection.getresponse())
    finally:
        connection.close()


def _read(response: HTTPResponse) -> bytes | str:
    moved = response.getheader("Location")
    if response.status in _MOVED and moved:
        return moved
    if response.status != 200:
        raise FetchError(f"the server answers {response.status}")
    content = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FetchError(f"it is larger than {MAX_BYTES // 1024**2} MiB")
    return content


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "strerror", None) or type(error).__name__
