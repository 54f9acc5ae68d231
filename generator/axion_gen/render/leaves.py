"""Definitions without parts: scalars, their limits and values, as types of Python."""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Final
from uuid import UUID

from ..asyncapi.contract import Definition
from .composing import types_of
from .shapes import Type, any_type

_PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_FORMATS: Final = {
    "date": "datetime.date",
    "date-time": "AwareDatetime",
    "date-time-local": "NaiveDatetime",
    "time": "datetime.time",
    "duration": "datetime.timedelta",
    "uuid": "UUID",
    "binary": "bytes",
    "decimal": "Decimal",
}
_NUMBER_LIMITS: Final = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
_TEXT_LIMITS: Final = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_ARRAY_LIMITS: Final = {"minItems": "min_length", "maxItems": "max_length"}
_MAP_LIMITS: Final = {"minProperties": "min_length", "maxProperties": "max_length"}

_READERS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "UUID": ("UUID", UUID),
    "datetime.date": ("datetime.date.fromisoformat", date.fromisoformat),
    "AwareDatetime": ("datetime.datetime.fromisoformat", datetime.fromisoformat),
    "datetime.time": ("datetime.time.fromisoformat", time.fromisoformat),
}
"""How a default is read that is a text in the document."""
_LARGEST: Final = 1e300
"""Of what is compared with a float."""


def scalar(definition: Definition, type_: str) -> Type:
    """A text, a number, a truth value, or null."""
    if type_ == "null":
        return Type("plain", "None", null=True)
    format_ = definition.get("format")
    text = _FORMATS.get(format_, "") if isinstance(format_, str) else ""
    if not text or (type_ == "number") != (text == "Decimal") or type_ not in ("string", "number"):
        text = _PLAIN[type_]
    limits: dict[str, object] = {}
    if text in ("int", "float"):
        limits = _number_limits(definition, whole=text == "int")
    elif text in ("str", "bytes"):
        limits = _renamed(definition, _TEXT_LIMITS)
        if text == "bytes":
            limits.pop("pattern", None)
    return Type("plain", text, limits=limits)


def values(definition: Definition) -> Type | None:
    """The type of `const` and `enum`; None where there is neither."""
    if "const" in definition:
        choices = [definition["const"]]
    else:
        listed = definition.get("enum")
        if not isinstance(listed, list):
            return None
        choices = listed
    null = None in choices
    types = types_of(definition)
    if types and "null" not in types:
        null = False
    some = [choice for choice in choices if choice is not None]
    if not some:
        return Type("plain", "None", null=True)
    return Type("literal", values=some, null=null)


def array_limits(definition: Definition) -> dict[str, object]:
    """How many items a list has."""
    return _renamed(definition, _ARRAY_LIMITS)


def map_limits(definition: Definition) -> dict[str, object]:
    """How many entries a map has."""
    return _renamed(definition, _MAP_LIMITS)


def default_of(type_: Type, value: object) -> str | None:
    """A default as it is written; None where the type would have to make something of it."""
    if value is None:
        return None
    if type_.kind == "union":
        found = (default_of(part, value) for part in type_.parts)
        return next((text for text in found if text is not None), None)
    if type_.kind == "literal":
        return repr(value) if any(_same(value, choice) for choice in type_.values) else None
    if type_.kind == "list" and isinstance(value, list):
        items = [default_of(type_.parts[0], item) for item in value]
        return None if None in items else f"[{', '.join(map(str, items))}]"
    if type_.kind == "map" and isinstance(value, dict):
        key, item = type_.parts
        entries = {default_of(key, k): default_of(item, v) for k, v in value.items()}
        if None in entries or None in entries.values():
            return None
        return "{" + ", ".join(f"{k}: {v}" for k, v in entries.items()) + "}"
    return _plain_default(type_.text, value) if type_.kind == "plain" else None


def _plain_default(name: str, value: object) -> str | None:
    if name in _READERS and isinstance(value, str):
        return _read_default(name, value)
    if name == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value)) if abs(value) < _LARGEST else None
    if name == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    wanted = {"str": str, "int": int, "bool": bool}.get(name)
    return repr(value) if wanted is not None and type(value) is wanted else None


def _read_default(name: str, value: str) -> str | None:
    """A default that is text in the document and something else in Python."""
    source, reader = _READERS[name]
    try:
        read = reader(value)
    except ValueError:
        return None
    if isinstance(read, datetime) and read.tzinfo is None:
        return None
    return f"{source}({value!r})"


def any_of(types: list[Type], *, null: bool) -> Type:
    """A value of one of some types; each is named once."""
    options: dict[str, Type] = {}
    for type_ in types:
        null = null or type_.null
        for option in type_.parts if type_.kind == "union" and not type_.told_by else [type_]:
            if option.source(null=False) != "None":
                options.setdefault(option.source(null=False), option)
    if not options:
        return Type("plain", "None", null=True)
    if "Any" in options:
        return any_type()
    if len(options) == 1:
        (only,) = options.values()
        only.null = null
        return only
    for option in options.values():
        option.null = False
    return Type("union", parts=list(options.values()), null=null)


def _number_limits(definition: Definition, *, whole: bool) -> dict[str, object]:
    limits: dict[str, object] = {}
    for keyword, argument in _NUMBER_LIMITS.items():
        value = definition.get(keyword)
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            continue
        if not whole:
            if abs(value) < _LARGEST:
                limits[argument] = value
        elif float(value).is_integer() if isinstance(value, float) else True:
            limits[argument] = int(value)
        elif argument in ("ge", "gt"):
            limits["ge"] = math.ceil(value)
        elif argument in ("le", "lt"):
            limits["le"] = math.floor(value)
    return limits


def _renamed(definition: Definition, names: dict[str, str]) -> dict[str, object]:
    return {name: definition[key] for key, name in names.items() if key in definition}


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other
