"""Objects as classes: their own fields, and from what they inherit."""

from typing import TYPE_CHECKING, Final

from ..asyncapi.contract import Definition
from . import leaves
from .composing import Composed, intersected, part, parts_of_text
from .names import attribute_name, name_part
from .shapes import Alias, Class, EnumClass, Field, Type, any_type, field_of
from .text import literal, said

if TYPE_CHECKING:
    from .definitions import Shaper

_KINDS: Final = {"str": str, "int": int, "float": float, "bool": bool}


class ClassMaker:
    """Makes classes of what was composed.

    Args:
        shaper: makes the types of their fields, and takes the classes.
    """

    def __init__(self, shaper: "Shaper") -> None:
        self._shaper = shaper

    def make(self, name: str, composed: Composed) -> None:
        """Make a class of an object."""
        made = Class(name, [], {}, said(composed.own))
        self._shaper.shapes[name] = made  # keeps its place before what is within it
        bases = self._bases(composed.bases)
        if not self._inherits(made, composed.own, bases):
            # It says of a property what the one it inherits does not allow: so it has its own.
            own = composed.own
            for base in bases:
                own = intersected(
                    {"properties": base.properties, "required": sorted(base.required)}, own
                )
            bases = []
            made.fields = {}
            self._inherits(made, own, bases)
        made.bases = [base.name for base in bases]
        _rename_shadows(made)
        made.extra = self._extra(name, composed.own)

    def _extra(self, name: str, own: Definition) -> Type | None:
        """What properties of other names are; None: they are not kept."""
        patterns = part(own, "patternProperties") or {}
        additional = part(own, "additionalProperties")
        if not additional:
            # One that fits no pattern is none of ours, and may be anything.
            return any_type() if patterns else None
        known = [additional, *(d for d in patterns.values() if isinstance(d, dict))]
        types = [self._shaper.type(definition, f"{name}Value") for definition in known]
        return leaves.any_of(types, null=False)

    def _bases(self, ids: list[str]) -> list[Class]:
        bases = [self._shaper.base(id_) for id_ in ids]
        inherited = {name for base in bases for name in self._ancestors(base)}
        return [base for base in bases if base.name not in inherited]

    def _ancestors(self, class_: Class) -> set[str]:
        found: set[str] = set()
        for name in class_.bases:
            shape = self._shaper.shapes[name]
            if isinstance(shape, Class):
                found |= {name} | self._ancestors(shape)
        return found

    def _inherits(self, made: Class, own: Definition, bases: list[Class]) -> bool:
        """Give a class its fields; whether it may inherit from the bases, so."""
        required = set(parts_of_text(own, "required"))
        inherited: dict[str, Class] = {}
        for base in bases:
            for wire, known in base.properties.items():
                if wire in inherited and inherited[wire].properties[wire] != known:
                    return False
                inherited.setdefault(wire, base)
        made.properties = {w: base.properties[w] for w, base in inherited.items()}
        made.required = {wire for base in bases for wire in base.required} | required
        properties = part(own, "properties") or {}
        missing = [w for w in parts_of_text(own, "required") if w not in properties]
        said = {
            w: d for w in (*properties, *missing) if isinstance(d := properties.get(w, {}), dict)
        }
        for wire, owner in inherited.items():
            if wire in said and not self._overrides(made, wire, said[wire], owner):
                return False
        taken = {self._inherited(base, wire).attribute: wire for wire, base in inherited.items()}
        if len(taken) < len(inherited) or any(taken.get(wire, wire) != wire for wire in said):
            return False  # what one is called in Python is another's name on the wire
        names = _attribute_names([wire for wire in said if wire not in inherited], set(taken))
        for wire, definition in said.items():
            if wire not in inherited:
                made.properties[wire] = definition
                made.fields[wire] = self._field(made, wire, definition)
                self._rename(made, wire, names[wire])
        made.fields = {wire: made.fields[wire] for wire in said if wire in made.fields}
        return True

    def _overrides(self, made: Class, wire: str, definition: Definition, base: Class) -> bool:
        """Say of an inherited property what is new; whether a subclass may."""
        before = base.properties[wire]
        after = before if definition in (before, {}) else _both(before, definition)
        tightened = wire in made.required and wire not in base.required
        old = self._inherited(base, wire)
        if _same(after, before):
            return not tightened
        if tightened or not _is_scalar(after):
            return False
        new = self._field(made, wire, after)
        new.attribute = old.attribute
        if not _narrows(new.type, old.type):
            return False
        made.properties[wire] = after
        made.fields[wire] = new
        return True

    def _inherited(self, base: Class, wire: str) -> Field:
        field = field_of(self._shaper.shapes, base, wire)
        assert field is not None  # noqa: S101 - it has the property
        return field

    def _field(self, made: Class, wire: str, definition: Definition) -> Field:
        type_ = self._shaper.type(definition, made.name + name_part(wire))
        required = wire in made.required
        default = None if required else self._default(type_, definition)
        return Field(attribute_name(wire), type_, required, default, said(definition))

    def _rename(self, made: Class, wire: str, attribute: str) -> None:
        """Call a property otherwise, if another one has its name in Python."""
        field = made.fields[wire]
        if field.attribute != attribute:
            self._shaper.renamed[made.name, wire] = attribute
            field.attribute = attribute

    def _default(self, type_: Type, definition: Definition) -> str | None:
        value = definition.get("default")
        if value is None:
            return None
        shape = self._shaper.shapes.get(type_.text) if type_.kind == "named" else None
        if isinstance(shape, Alias):
            return self._default(shape.type, definition)
        if isinstance(shape, EnumClass):
            return next(
                (f"{type_.text}.{name}" for name, v in shape.members.items() if v == value), None
            )
        return leaves.default_of(type_, value)


def _attribute_names(wires: list[str], inherited: set[str]) -> dict[str, str]:
    """The attribute of each property; one that may keep its own name does, whatever comes to it."""
    names = {w: w for w in wires if attribute_name(w) == w and w not in inherited}
    taken = inherited | set(names)
    for wire in wires:
        if wire not in names:
            name = attribute_name(wire)
            while name in taken:
                name += "_"
            names[wire] = name
            taken.add(name)
    return names


def _rename_shadows(made: Class) -> None:
    """Give no field the name of a type that an annotation of the class mentions."""
    types = {name for field in made.fields.values() for name in field.type.names()}
    for field in made.fields.values():
        if field.attribute in types:
            field.attribute += "_"


def _both(one: Definition, other: Definition) -> Definition:
    if "$ref" in one or "$ref" in other or "allOf" in one or "allOf" in other:
        return {"allOf": [one, other]}
    return intersected(one, other)


def _same(one: Definition, other: Definition) -> bool:
    silent = {"description", "title"}
    return {k: v for k, v in one.items() if k not in silent} == {
        k: v for k, v in other.items() if k not in silent
    }


def _is_scalar(definition: Definition) -> bool:
    parts = {"$ref", "allOf", "anyOf", "oneOf", "properties", "items", "prefixItems"}
    return not definition.keys() & (parts | {"additionalProperties", "patternProperties"})


def _narrows(new: Type, old: Type) -> bool:
    """Whether all values of one type are of another, as type checkers see it."""
    if new.null and not old.null:
        return False
    if old.text == "Any":
        return True
    if new.kind == "plain":
        return old.kind == "plain" and new.text == old.text
    if new.kind == "literal" and old.kind == "plain":
        wanted = _KINDS.get(old.text)
        return wanted is not None and all(type(value) is wanted for value in new.values)
    if new.kind == "literal" and old.kind == "literal":
        return {literal(v) for v in new.values} <= {literal(v) for v in old.values}
    return False
