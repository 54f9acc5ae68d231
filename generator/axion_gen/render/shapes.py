"""What the models are made of: types, and the classes and aliases that have names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..asyncapi.contract import Definition
from .text import literal


@dataclass(slots=True, eq=False)
class Type:
    """The type of a value."""

    kind: Literal["plain", "named", "literal", "list", "map", "tuple", "union"]
    text: str = ""
    """Of a plain or a named one."""
    parts: list["Type"] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    """Of a literal."""
    limits: dict[str, object] = field(default_factory=dict)
    """The arguments of `Field`."""
    distinct: bool = False
    """Of a list: whether no two of its items may be equal."""
    null: bool = False
    """Whether it may be None, too."""
    tag: str | None = None
    """Of a union: the attribute that tells its options apart."""
    told_by: Definition = field(default_factory=dict)
    """Of a union: the discriminator that the document gives it."""

    def source(self, *, null: bool | None = None) -> str:
        """The type as it is written; with None or without, instead of what it says itself."""
        text = self._source()
        arguments = ", ".join(f"{name}={literal(value)}" for name, value in self.limits.items())
        if self.tag is not None:
            arguments = f"discriminator={literal(self.tag)}"
        said = [f"Field({arguments})"] if arguments else []
        said += ["Distinct"] if self.distinct else []
        if said:
            text = f"Annotated[{text}, {', '.join(said)}]"
        wanted = self.null if null is None else null
        return f"{text} | None" if wanted and text not in ("Any", "None") else text

    def _source(self) -> str:
        match self.kind:
            case "literal":
                return f"Literal[{', '.join(map(literal, self.values))}]"
            case "list":
                return f"list[{self.parts[0].source()}]"
            case "map":
                return f"dict[{self.parts[0].source()}, {self.parts[1].source()}]"
            case "tuple":
                return f"tuple[{', '.join(part.source() for part in self.parts)}]"
            case "union":
                return " | ".join(part.source() for part in self.parts)
        return self.text

    def names(self) -> Iterator[str]:
        """The names of our own classes and aliases in it."""
        if self.kind == "named":
            yield self.text
        for part in self.parts:
            yield from part.names()


def any_type() -> Type:
    """The type of what a document says nothing of."""
    return Type("plain", "Any", null=True)


@dataclass(slots=True)
class Field:
    """A property, as a field of a class."""

    attribute: str
    type: Type
    required: bool
    default: str | None = None
    """As it is written."""
    description: str = ""


@dataclass(slots=True)
class Class:
    """A class that is a model."""

    name: str
    bases: list[str]
    fields: dict[str, Field]
    """By the name of the property on the wire; without those of the bases."""
    description: str = ""
    extra: Type | None = None
    """What properties of other names are, if they are known to be something."""
    properties: dict[str, Definition] = field(default_factory=dict)
    """What the document says of each property, those of the bases too."""
    required: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Alias:
    """A name for a type."""

    name: str
    type: Type
    description: str = ""


@dataclass(slots=True)
class EnumClass:
    """An enumeration whose values have names."""

    name: str
    members: dict[str, object]
    description: str = ""


Shape = Class | Alias | EnumClass


def field_of(shapes: Mapping[str, Shape], class_: Class, wire: str) -> Field | None:
    """The field of a property, one of its own or an inherited one."""
    owner = owner_of(shapes, class_, wire)
    return None if owner is None else owner.fields[wire]


def owner_of(shapes: Mapping[str, Shape], class_: Class, wire: str) -> Class | None:
    """The class that has the field of a property: itself, or one it inherits from."""
    if wire in class_.fields:
        return class_
    for name in class_.bases:
        base = shapes.get(name)
        found = owner_of(shapes, base, wire) if isinstance(base, Class) else None
        if found is not None:
            return found
    return None
