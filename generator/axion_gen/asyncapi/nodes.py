"""A document as a tree in which every value knows its line and column."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .diagnostics import Location

MAX_DEPTH: Final = 100
MAX_SIZE: Final = 250_000
"""Nodes of a document with its aliases unfolded; the largest real ones have some 10,000."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A value of a document. Two nodes are equal only if they are the same place."""

    value: "Scalar | Mapping[str, Node] | tuple[Node, ...]"
    location: Location
    keys: Mapping[str, Location] = field(default_factory=dict)
    """Where each key of a mapping stands."""
    size: int = 1
    """How many nodes there are from here down, an alias counted as often as it is used."""

    def __repr__(self) -> str:
        """Its place: with aliases the whole of it may have no end."""
        return f"<{kind(self.value)} at {self.location}>"

    @property
    def mapping(self) -> "Mapping[str, Node]":
        """The entries; nothing where this is no mapping."""
        # Of mappings there are dicts only, and asking for those is quicker.
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items; nothing where this is no list."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def text(self) -> str | None:
        """The text; None where this is no text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def reference(self) -> "Node | None":
        """The value of `$ref`, where this is a reference."""
        return self.mapping.get("$ref")

    def get(self, key: str) -> "Node | None":
        """The entry of a mapping; None where there is none, or this is no mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def string(self, key: str) -> str | None:
        """The text of an entry; None where there is none, or it is no text."""
        entry = self.get(key)
        return entry.text if entry else None

    def key_location(self, key: str) -> Location:
        """Where a key stands; the mapping's own place if it has no such key."""
        return self.keys.get(key, self.location)

    def plain(self) -> object:
        """The value as lists, dicts and scalars, without places."""
        if isinstance(self.value, Mapping):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, tuple):
            return [item.plain() for item in self.value]
        return self.value


def kind(value: object) -> str:
    """What a value is, in the words of JSON, for messages."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, Mapping):
        return "a mapping"
    return "null" if value is None else "a list"


class ReadError(Exception):
    """A text that is no document: which rule it breaks, how, where, and what to do."""

    def __init__(self, rule: str, message: str, location: Location, help: str) -> None:  # noqa: A002 - as diagnostics name it
        super().__init__(message)
        self.rule, self.message, self.location, self.help = rule, message, location, help


def checked_text(text: str, location: Location) -> str:
    """The text, if it can be written again.

    Raises:
        ReadError: it holds half of a surrogate pair, which UTF-8 cannot encode.
    """
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    raise ReadError(
        "syntax", "an escape that is half of a character", location, "write the character itself"
    )


def too_deep(location: Location) -> ReadError:
    """What is nested beyond the limit."""
    return ReadError(
        "too-complex",
        f"the document is nested more than {MAX_DEPTH} deep",
        location,
        "name the inner parts under `components` and refer to them",
    )


def too_large(location: Location, help: str) -> ReadError:  # noqa: A002 - as diagnostics name it
    """What has more values than the limit."""
    return ReadError(
        "too-complex", f"the document has more than {MAX_SIZE:,} values", location, help
    )
