"""Schemas put together: what `allOf` makes of several, and which of them become classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..asyncapi.contract import Definition, Schema

PREFIX: Final = "#/$defs/"
_COMBINERS: Final = ("allOf", "anyOf", "oneOf", "discriminator", "$ref")
_SAYS_NOTHING: Final = {"required", "description", "title"}
_FOLLOWED: Final = 20
"""How many references to references are followed for a type."""
_STEPS: Final = 200_000
"""What putting schemas together may take; references that multiply would take for ever."""
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


@dataclass(slots=True)
class Union:
    """Values of which one fits."""

    options: list[Definition]
    discriminator: Definition = field(default_factory=dict)


@dataclass(slots=True)
class Composed:
    """A definition with the parts of its `allOf` put together."""

    own: Definition
    """Keywords; no reference, no combiner."""
    bases: list[str] = field(default_factory=list)
    """The ids of schemas that are classes, to inherit from."""
    unions: list[Union] = field(default_factory=list)

    @property
    def is_class(self) -> bool:
        """Whether it is an object of known properties, and nothing else but perhaps null."""
        known = bool(self.bases) or "properties" in self.own
        return known and not self.unions and not set(types_of(self.own)) - {"object", "null"}

    def add(self, other: "Composed") -> None:
        """Hold it to another one, too."""
        self.own = intersected(self.own, other.own)
        self.bases += [base for base in other.bases if base not in self.bases]
        self.unions += other.unions


class Composer:
    """Composes definitions, which refer to schemas.

    Args:
        schemas: by id; more may be added to it.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._classes: dict[str, bool] = {}
        self._composed: dict[str, Composed] = {}
        self._steps = 0

    def compose(self, definition: Definition, within: frozenset[str] = frozenset()) -> Composed:
        """Put a definition together; `within` are the ids of the schemas on the way to it.

        Raises:
            RecursionError: it is too deep, or too much.
        """
        self._steps += 1
        if self._steps > _STEPS:
            raise RecursionError
        reference = definition.get("$ref")
        if isinstance(reference, str):
            composed = self._referred(reference.removeprefix(PREFIX), within)
            if "description" in definition:
                composed.own = composed.own | {"description": definition["description"]}
            return composed
        composed = Composed({k: v for k, v in definition.items() if k not in _COMBINERS})
        for part in parts(definition, "allOf"):
            composed.add(self.compose(part, within))
        for key in ("oneOf", "anyOf"):
            options = [o for o in parts(definition, key) if self._may_be(o, composed.own)]
            if len(options) == 1:
                composed.add(self.compose(options[0], within))
            elif not all(_says_nothing(option, composed.own) for option in options):
                told_by = definition.get("discriminator")
                composed.unions.append(Union(options, told_by if isinstance(told_by, dict) else {}))
        return composed

    def schema(self, id_: str) -> Composed:
        """Put a schema together; one that others inherit from, without these."""
        self.is_class(id_)
        known = self._composed[id_]
        return Composed(dict(known.own), list(known.bases), list(known.unions))

    def is_class(self, id_: str) -> bool:
        """Whether a schema is, or has beside its options, a class to inherit from."""
        if id_ not in self._classes:
            self._classes[id_] = False  # what is in a circle inherits from no more than the rest
            composed = self.compose(self._schemas[id_].definition, frozenset({id_}))
            if self.options(id_) is not None:
                composed.unions = composed.unions[1:]
            self._composed[id_] = composed
            self._classes[id_] = composed.is_class
        return self._classes[id_]

    def options(self, id_: str) -> Union | None:
        """The schemas that a value may be where a schema is inherited by its own options."""
        definition = self._schemas[id_].definition
        for key in ("oneOf", "anyOf"):
            options = parts(definition, key)
            if any(self._inherits(option, id_, set()) for option in options):
                told_by = definition.get("discriminator")
                return Union(options, told_by if isinstance(told_by, dict) else {})
        return None

    def _may_be(self, option: Definition, own: Definition) -> bool:
        """Whether an option's type is among those that are left."""
        types = types_of(own)
        for _ in range(_FOLLOWED):
            reference = option.get("$ref")
            if not isinstance(reference, str):
                break
            option = self._schemas[reference.removeprefix(PREFIX)].definition
        named = types_of(option)
        return not types or not named or bool(_common_types(types, named, strict=True))

    def _inherits(self, option: Definition, id_: str, seen: set[str]) -> bool:
        reference = option.get("$ref")
        if isinstance(reference, str):
            other = reference.removeprefix(PREFIX)
            if other == id_:
                return True
            if other in seen:
                return False
            seen.add(other)
            option = self._schemas[other].definition
        return any(self._inherits(part, id_, seen) for part in parts(option, "allOf"))

    def _referred(self, id_: str, within: frozenset[str]) -> Composed:
        if id_ in within:
            return Composed({})
        if self.is_class(id_):
            return Composed({}, [id_])
        return self.compose(self._schemas[id_].definition, within | {id_})


def parts(definition: Definition, key: str) -> list[Definition]:
    """The definitions in a list of a definition."""
    found = definition.get(key)
    return found if isinstance(found, list) else []


def part(definition: Definition, key: str) -> Definition | None:
    """The definition at a key of a definition, if there is one."""
    found = definition.get(key)
    return found if isinstance(found, dict) else None


def types_of(definition: Definition) -> list[str]:
    """The types that a definition names."""
    types = definition.get("type")
    return types if isinstance(types, list) else [types] if isinstance(types, str) else []


def _says_nothing(option: Definition, own: Definition) -> bool:
    """Whether an option says only what must be there, which is no type."""
    same = not types_of(option) or types_of(option) == types_of(own)
    return same and option.keys() - {"type"} <= _SAYS_NOTHING


def intersected(one: Definition, other: Definition) -> Definition:
    """The keywords of two definitions that both must be fulfilled."""
    if not one or not other:
        return other or one
    result = one | other
    types = _common_types(types_of(one), types_of(other))
    if types:
        result["type"] = types[0] if len(types) == 1 else types
    required = [*parts_of_text(one, "required"), *parts_of_text(other, "required")]
    if required:
        result["required"] = list(dict.fromkeys(required))
    for keyword in (*_LOWER, *_UPPER):
        values = [d[keyword] for d in (one, other) if keyword in d]
        if values:
            choose = max if keyword in _LOWER else min
            result[keyword] = choose(values)  # type: ignore[type-var]  # they are numbers
    choices, others = one.get("enum"), other.get("enum")
    if isinstance(choices, list) and isinstance(others, list):
        result["enum"] = [choice for choice in choices if choice in others] or others
        result.pop("x-enum-varnames", None)
    return result | _intersected_parts(one, other)


def _intersected_parts(one: Definition, other: Definition) -> Definition:
    result: Definition = {}
    for keyword in ("properties", "patternProperties"):
        first, second = part(one, keyword), part(other, keyword)
        if first is not None and second is not None:
            result[keyword] = first | {
                key: _both(first.get(key, value), value) for key, value in second.items()
            }
    for keyword in ("items", "additionalProperties", "propertyNames"):
        first, second = part(one, keyword), part(other, keyword)
        if first is not None and second is not None:
            result[keyword] = _both(first, second)
        elif first or second:
            result[keyword] = first or second
    return result


def parts_of_text(definition: Definition, key: str) -> list[str]:
    """The texts in a list of a definition."""
    found = definition.get(key)
    return found if isinstance(found, list) else []


def _both(one: object, other: object) -> object:
    if one == other or not isinstance(one, dict) or not isinstance(other, dict):
        return other
    if not one or not other:
        return one or other
    if not one.keys() & set(_COMBINERS) and not other.keys() & set(_COMBINERS):
        return intersected(one, other)
    return {"allOf": [one, other]}


def _common_types(one: list[str], other: list[str], *, strict: bool = False) -> list[str]:
    if not one or not other:
        return one or other
    both = [type_ for type_ in one if type_ in other]
    if "integer" in {*one, *other} and "number" in {*one, *other} and "integer" not in both:
        both = [*[type_ for type_ in both if type_ != "number"], "integer"]
    return both or ([] if strict else other)
