"""Values held to the shapes, as pydantic holds them to the classes that these become.

Nothing of a document is run for it: the shapes are given to pydantic's own validator.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import CoreSchema, SchemaError, SchemaValidator, ValidationError, core_schema

from .shapes import Alias, Class, EnumClass, Field, Shape, Type

_PLAIN: Final[Mapping[str, Any]] = {
    "Any": core_schema.any_schema,
    "AwareDatetime": lambda: core_schema.datetime_schema(tz_constraint="aware"),
    "Decimal": core_schema.decimal_schema,
    "NaiveDatetime": lambda: core_schema.datetime_schema(tz_constraint="naive"),
    "None": core_schema.none_schema,
    "UUID": core_schema.uuid_schema,
    "bool": core_schema.bool_schema,
    "bytes": core_schema.bytes_schema,
    "datetime.date": core_schema.date_schema,
    "datetime.time": core_schema.time_schema,
    "datetime.timedelta": core_schema.timedelta_schema,
    "float": core_schema.float_schema,
    "int": core_schema.int_schema,
    "str": core_schema.str_schema,
}
_CONFIG: Final = core_schema.CoreConfig(
    allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
)
_DEEPEST: Final = 50
"""Of what becomes a literal; Python reads a few more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value."""

    message: str
    path: tuple[str | int, ...] = ()
    """Where in it, as far as it can be told."""


def fault(shapes: Mapping[str, Shape], name: str | None, value: object) -> Fault | None:
    """What keeps a value from being read as a class or alias; None if nothing does.

    Args:
        shapes: all there are, by name.
        name: the class's or the alias's; None: anything goes.
        value: as JSON has it.
    """
    if _depth(value) > _DEEPEST:
        return Fault(f"it is more than {_DEEPEST} deep")
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError:
        return Fault("it has a number that JSON does not have")
    if name is None:
        return None
    try:
        _validator(shapes, name).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return Fault(first["msg"], first["loc"])
    except SchemaError:
        return None  # a class without a meaning for pydantic is diagnosed where it is made
    return None


def _validator(shapes: Mapping[str, Shape], name: str) -> SchemaValidator:
    found: dict[str, CoreSchema] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = _Maker(shapes, waiting).shape(shapes[current])
    schema = core_schema.definitions_schema(
        core_schema.definition_reference_schema(name), list(found.values())
    )
    return SchemaValidator(schema, _CONFIG)


class _Maker:
    """Makes the schema of one shape, and notes to which others it refers."""

    def __init__(self, shapes: Mapping[str, Shape], referred: list[str]) -> None:
        self._shapes = shapes
        self._referred = referred

    def shape(self, shape: Shape) -> CoreSchema:
        if isinstance(shape, Alias):
            return {**self._type(shape.type), "ref": shape.name}
        if isinstance(shape, EnumClass):
            return core_schema.literal_schema(list(shape.members.values()), ref=shape.name)
        fields = {field.attribute: self._field(w, field) for w, field in self._fields(shape)}
        return core_schema.typed_dict_schema(
            fields,
            extras_schema=self._type(shape.extra) if shape.extra is not None else None,
            extra_behavior="allow" if shape.extra is not None else "ignore",
            ref=shape.name,
        )

    def _fields(self, class_: Class) -> list[tuple[str, Field]]:
        found: dict[str, Field] = {}
        for name in reversed(class_.bases):
            base = self._shapes[name]
            found |= dict(self._fields(base)) if isinstance(base, Class) else {}
        return list((found | class_.fields).items())

    def _field(self, wire: str, field: Field) -> core_schema.TypedDictField:
        absent = not field.required and field.default is None
        schema = self._type(field.type)
        names: list[list[str | int]] = [[wire], [field.attribute]]
        return core_schema.typed_dict_field(
            core_schema.nullable_schema(schema) if absent else schema,
            required=field.required,
            validation_alias=names,
        )

    def _type(self, type_: Type) -> CoreSchema:
        schema = self._own(type_)
        return core_schema.nullable_schema(schema) if type_.null else schema

    def _own(self, type_: Type) -> CoreSchema:
        limits: dict[str, Any] = dict(type_.limits)
        match type_.kind:
            case "named":
                self._referred.append(type_.text)
                return core_schema.definition_reference_schema(type_.text)
            case "literal":
                return core_schema.literal_schema(type_.values)
            case "list":
                items = core_schema.list_schema(self._type(type_.parts[0]), **limits)
                if not type_.distinct:
                    return items
                return core_schema.no_info_after_validator_function(_distinct, items)
            case "map":
                key, value = map(self._type, type_.parts)
                return core_schema.dict_schema(key, value, **limits)
            case "tuple":
                return core_schema.tuple_schema([self._type(part) for part in type_.parts])
            case "union":
                return core_schema.union_schema([self._type(part) for part in type_.parts])
        schema: CoreSchema = _PLAIN[type_.text](**limits)
        return schema


def _distinct(items: list[object]) -> list[object]:
    if len(set(map(repr, items))) < len(items):  # as the models' `Distinct`
        raise ValueError("two items are equal")
    return items


def _depth(value: object) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        current, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(current, dict):
            waiting += [(part, depth + 1) for part in current.values()]
        elif isinstance(current, list):
            waiting += [(part, depth + 1) for part in current]
    return deepest
