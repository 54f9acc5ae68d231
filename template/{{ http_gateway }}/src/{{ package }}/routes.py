"""Which service answers: the first segments of a path, and the service they belong to."""

import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

PREFIX: Final = re.compile(r"/|(/[A-Za-z0-9._~-]+)+")


def _checked(routes: dict[str, str]) -> dict[str, str]:
    for prefix, service in routes.items():
        if not PREFIX.fullmatch(prefix) or escapes(prefix):
            raise ValueError(f"{prefix!r} is no beginning of a path, such as /items")
        address = urlsplit(service)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ValueError(f"{prefix!r} leads to {service!r}: that is no http://items:8000")
        if address.path.strip("/") or address.query or address.fragment or address.username:
            raise ValueError(f"{prefix!r} leads to {service!r}: a path goes to its service whole")
    return {prefix: service.rstrip("/") for prefix, service in routes.items()}


Routes = Annotated[dict[str, str], AfterValidator(_checked)]
"""The table: the beginning of a path, and the address of the service that answers it."""


def find(routes: Mapping[str, str], path: str) -> str | None:
    """The longest prefix in `routes` of whole segments of `path`, if there is one."""
    while path:
        if path in routes:
            return path
        path = path.rpartition("/")[0]
    return "/" if "/" in routes else None


def escapes(path: str) -> bool:
    """Whether a path, as its service may read it, leads out of where it seems to lead."""
    return any(segment in {".", ".."} for segment in re.split(r"[/\\]", unquote(path)))
