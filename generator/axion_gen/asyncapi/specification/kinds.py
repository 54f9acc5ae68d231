"""What a value of a document may be: the words the specification's tables are written in."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ..nodes import Node
from ..structure import Structure

Rule = Callable[[Structure, Node], None]
"""What a table has no word for; diagnoses an object that is otherwise as it should be."""

COMPONENT_KEY: Final = re.compile(r"[\w.-]+", re.ASCII)
"""A key under `components`: `^[a-zA-Z0-9.\\-_]+$`."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value: data, or what another module checks, as schemas are."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number, a boolean or null."""

    types: tuple[type, ...]
    expected: str
    """What messages call it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts."""

    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, with its bounds."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: "Kind"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with keys that the document chooses."""

    value: "Kind"
    keys: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of several kinds, told apart by its type alone."""

    kinds: "tuple[Kind, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """One object of the specification. A reference may stand for it."""

    what: str
    """What messages call it."""
    fields: "Mapping[str, Kind]"
    required: tuple[str, ...] = ()
    open: bool = False
    """Whether other fields may be added, and not only such as start with `x-`."""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference and nothing else; where it leads, others check."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """One of several objects, chosen by the text of a field."""

    what: str
    field: str
    objects: Mapping[str, Object]


Kind = Anything | Scalar | Choice | Whole | ListOf | MapOf | Either | Object | Reference | Tagged

ANYTHING: Final = Anything()
SCHEMA: Final = ANYTHING
"""A schema: its own reader checks it."""
TEXT: Final = Scalar((str,), "text")
FLAG: Final = Scalar((bool,), "a boolean")
NUMBER: Final = Scalar((int, float), "a number")
NULL: Final = Scalar((type(None),), "null")
WHOLE: Final = Whole()
TEXTS: Final = ListOf(TEXT)
REFERENCE: Final = Reference()


def choice(*choices: str) -> Choice:
    """One of some texts."""
    return Choice(choices)


def either(*kinds: Kind) -> Either:
    """A value of one of some kinds."""
    return Either(kinds)


def expected_of(kind: Kind) -> str:
    """What messages call values of a kind."""
    match kind:
        case Scalar(_, expected):
            return expected
        case Choice():
            return "text"
        case Whole():
            return "a whole number"
        case ListOf():
            return "a list"
        case _:
            return "a mapping"


def has_type(node: Node, kind: Kind) -> bool:
    """Whether a value is of a kind as far as its type says; any type will do for `Anything`."""
    match kind:
        case Anything():
            return True
        case Scalar(types, _):
            return type(node.value) in types
        case Choice():
            return isinstance(node.value, str)
        case Whole():
            return type(node.value) in (int, float)
        case ListOf():
            return isinstance(node.value, tuple)
        case _:
            return isinstance(node.value, dict)
