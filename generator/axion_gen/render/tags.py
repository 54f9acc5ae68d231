"""Unions whose options a property tells apart: only the one that is meant is read.

That is the property the document names (`discriminator`), else one that every option demands
with texts of its own (`const`, `enum`).
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from ..asyncapi.contract import Definition
from .composing import PREFIX
from .names import attribute_name
from .shapes import Class, Field, Type, field_of, owner_of

if TYPE_CHECKING:
    from .definitions import Shaper


def tag(shaper: "Shaper") -> None:
    """Tag the unions that can be."""
    for union, ids in shaper.unions:
        classes = [shaper.shapes.get(option.text) for option in union.parts]
        options = [shape for shape in classes if isinstance(shape, Class)]
        if len(options) != len(union.parts):
            continue
        name = union.told_by.get("propertyName")
        if isinstance(name, str):
            _give_values(shaper, options, ids, name, union.told_by)
            _tell_by(shaper, union, options, name)
        else:
            for wire in options[0].properties:
                if _tell_by(shaper, union, options, wire):
                    break


def _tell_by(shaper: "Shaper", union: Type, options: list[Class], wire: str) -> bool:
    """Tag a union by a property, if each option has values of its own for it."""
    attributes: set[str] = set()
    values: set[object] = set()
    count = 0
    for class_ in options:
        field = field_of(shaper.shapes, class_, wire)
        if field is None or not field.required or field.type.kind != "literal" or field.type.null:
            return False
        if not all(isinstance(value, str) for value in field.type.values):
            return False
        attributes.add(field.attribute)
        values.update(field.type.values)
        count += len(field.type.values)
    if len(attributes) != 1 or len(values) != count:
        return False
    union.tag = attributes.pop()
    return True


def _give_values(
    shaper: "Shaper",
    options: list[Class],
    ids: list[str | None],
    wire: str,
    told_by: Definition,
) -> None:
    """Give each option the values of the discriminator that mean it."""
    mapping = told_by.get("mapping")
    found: list[tuple[Class, Field | None, list[object]]] = []
    for class_, id_ in zip(options, ids, strict=True):
        field = field_of(shaper.shapes, class_, wire)
        if field is not None and field.type.kind == "literal" and wire in class_.fields:
            continue  # it says so itself
        if id_ is None:
            return
        values: list[object] = [
            value
            for value, target in (mapping.items() if isinstance(mapping, dict) else ())
            if target == PREFIX + id_
        ]
        values = values or [shaper.schemas[id_].name]
        if field is not None and not _takes(field.type, values):
            return  # the names of schemas are no values of the property
        found.append((class_, field, values))
    for class_, field, values in found:
        if field is not None and not field.required:
            _demand(shaper, class_, wire)
        definition = class_.properties.get(wire, {})
        class_.properties[wire] = {**definition, "enum": values}
        class_.required.add(wire)
        class_.fields[wire] = Field(
            field.attribute if field else attribute_name(wire),
            Type("literal", values=values),
            required=True,
            description=field.description if field else "",
        )


def _demand(shaper: "Shaper", class_: Class, wire: str) -> None:
    """Have a class demand a property that it inherits; no subclass may where its base does not."""
    owner = owner_of(shaper.shapes, class_, wire)
    if owner is None or owner is class_:
        return
    if owner.name in shaper.bases.values():
        owner.fields[wire].required = True
        owner.fields[wire].default = None
        return
    fields = {w: field_of(shaper.shapes, class_, w) for w in class_.properties}
    class_.fields = {w: replace(field) for w, field in fields.items() if field is not None}
    class_.bases = []


def _takes(type_: Type, values: list[object]) -> bool:
    if type_.kind == "literal":
        return all(value in type_.values for value in values)
    return type_.kind == "plain" and type_.text in ("str", "Any")
