"""`messages.py`: the schemas of a contract as models, and the classes of its messages."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..asyncapi.contract import Message
from ..asyncapi.diagnostics import Location
from .definitions import Shaper
from .ordering import in_order, later, refers_to_itself
from .plan import Plan
from .shapes import Alias, Class, EnumClass, Field, Shape, field_of
from .text import docstring, literal, prose

_IMPORTS: Final = """\
import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field, NaiveDatetime, RootModel
from typing_extensions import TypeAliasType

from .runtime.models import Distinct, Model
"""
"""Those that are not needed go when it is formatted."""


class ModelsError(Exception):
    """No Python was found for something of the contract; says what, and where."""

    def __init__(self, message: str, location: Location) -> None:
        super().__init__(message)
        self.location = location


@dataclass(slots=True)
class Models:
    """The schemas of a contract in Python."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    payloads: dict[str, str] = field(default_factory=dict)
    """The class or alias of each schema, by its id."""
    wrapped: frozenset[str] = frozenset()
    """The schemas that have no name of their own, but that of the message they are in."""
    renamed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of a class and a property the attribute, where another property has that name already."""
    numbered: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Of a class with a number the name that is another's, and the id of what it is within."""


def schema_models(plan: Plan) -> Models:
    """The schemas of a contract as classes and type aliases."""
    shaper = Shaper(plan)
    return Models(
        shaper.shapes,
        shaper.payloads,
        frozenset(shaper.wrapped),
        shaper.renamed,
        {name: other for name, other in shaper.numbered.items() if name in shaper.shapes},
    )


def messages_source(plan: Plan, models: Models) -> str:
    """The source of `messages.py`, not formatted yet."""
    contract = plan.contract
    shapes = in_order(models.shapes, models.wrapped)
    messages = {name: message for message, name in plan.classes.items()}
    parts = [
        docstring(f"The messages of {contract.title} {contract.version}, and their schemas."),
        "from __future__ import annotations",
        _IMPORTS,
    ]
    for shape in shapes:
        message = messages.get(shape.name)
        named = message is not None and (message.description or not shape.description)
        if isinstance(shape, Class) and message is not None and named:
            shape.description = said_of(message)
        parts.append(_source(shape, models.shapes))
    parts += _message_classes(plan, models, {shape.name for shape in shapes})
    parts += [f"{name}.model_rebuild()" for name in later(shapes)]
    return "\n\n".join(parts) + "\n"


def said_of(message: Message) -> str:
    """The docstring of a message's class."""
    return prose(message.description or f"The message `{message.name}`.")


def key_expression(plan: Plan, models: Models, message: Message) -> str | None:
    """The attributes of a message that lead to its key, as `message.id` or `message.item.id`.

    Raises:
        ModelsError: a property of the key is none of the class.
    """
    if message.key is None or message.payload is None:
        return None
    current: str | None = models.payloads[message.payload]
    attributes: list[str] = []
    for name in message.key.path:
        class_ = _class(models, current)
        found = field_of(models.shapes, class_, name) if class_ is not None else None
        if found is None:
            raise ModelsError(
                f"the key {'/'.join(message.key.path)!r} is in a payload of several shapes",
                message.key.location,
            )
        attributes.append(found.attribute)
        current = found.type.text if found.type.kind == "named" else None
    path = ".".join(attributes)
    # A null has no properties: its key is given.
    return f"message.root and message.root.{path}" if message.tombstone else f"message.{path}"


def _class(models: Models, name: str | None) -> Class | None:
    shape = models.shapes.get(name or "")
    if isinstance(shape, Alias) and shape.type.kind == "named":
        return _class(models, shape.type.text)
    return shape if isinstance(shape, Class) else None


def _source(shape: Shape, shapes: dict[str, Shape]) -> str:
    if isinstance(shape, Alias):
        return _alias(shape, shapes)
    lines: list[str] = []
    if isinstance(shape, EnumClass):
        texts = all(isinstance(value, str) for value in shape.members.values())
        lines.append(f"class {shape.name}({'StrEnum' if texts else 'IntEnum'}):")
        lines += _described(shape.description)
        lines += [f"    {name} = {literal(value)}" for name, value in shape.members.items()]
        return "\n".join(lines) + "\n"
    lines.append(f"class {shape.name}({', '.join(shape.bases) or 'Model'}, frozen=True):")
    lines += _described(shape.description)
    if shape.extra is not None:
        lines += [
            '    model_config = ConfigDict(extra="allow")',
            f"    __pydantic_extra__: dict[str, {shape.extra.source()}] = "
            "Field(init=False)  # pyright: ignore",
            "",
        ]
    for wire, field_ in shape.fields.items():
        lines.append(f"    {_field(wire, field_)}")
        lines += _described(field_.description, blank=False)
    if not shape.fields and not shape.description:
        lines.append("    pass")
    return "\n".join(lines) + "\n"


def _described(description: str, *, blank: bool = True) -> list[str]:
    if not description:
        return []
    return [f"    {docstring(description, indent=4)}", *([""] if blank else [])]


def _field(wire: str, field_: Field) -> str:
    type_ = field_.type
    absent = not field_.required and field_.default is None
    text = type_.source(null=type_.null or absent)
    if wire != field_.attribute:
        text = f"Annotated[{text}, Field(alias={literal(wire)})]"
    if field_.required:
        return f"{field_.attribute}: {text}"
    if field_.default is not None:
        return f"{field_.attribute}: {text} = {field_.default}"
    return f"{field_.attribute}: {text} = {'Field(default=None)' if type_.null else 'None'}"


def _alias(shape: Alias, shapes: dict[str, Shape]) -> str:
    text = shape.type.source()
    if text == "None":
        text = "Literal[None]"  # which may stand beside None: `None | None` is no type
    described = f"\n{docstring(shape.description)}" if shape.description else ""
    if refers_to_itself(shape, shapes):
        # A name that is used before it is one.
        return f'{shape.name} = TypeAliasType("{shape.name}", {literal(text)}){described}\n'
    return f"{shape.name}: TypeAlias = {text}{described}\n"


def _message_classes(plan: Plan, models: Models, written: set[str]) -> Iterator[str]:
    """The classes of messages whose payload is something with a name of its own.

    Args:
        plan: what they are called.
        models: the schemas.
        written: the names of the schemas that are written.
    """
    done = {name for name, shape in models.shapes.items() if isinstance(shape, Class)}
    for message, name in plan.classes.items():
        if name in done:
            continue
        done.add(name)
        payload = models.payloads[message.payload] if message.payload is not None else "Any"
        text = docstring(said_of(message), indent=4)
        class_ = _class(models, payload)
        alias = models.shapes.get(payload)
        if isinstance(alias, Alias) and payload not in written:
            payload = alias.type.source()
        if class_ is not None and not message.tombstone:
            yield f"class {name}({class_.name}, frozen=True):\n    {text}\n"
        elif class_ is not None:
            yield f"class {name}(RootModel[{class_.name} | None], frozen=True):\n    {text}\n"
        else:
            yield f"class {name}(RootModel[{payload}], frozen=True):\n    {text}\n"
