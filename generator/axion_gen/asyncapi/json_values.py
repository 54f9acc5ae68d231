"""The values in a JSON Schema, and its limits to values: checked, and kept as far as they count."""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

from .contract import Definition
from .diagnostics import Diagnostics, Location, shown
from .nodes import Node, kind

FORMATS: Final = ("date", "date-time", "time", "duration", "uuid")
"""Formats that have a type in Python whose text means the same again on the wire."""
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_LARGEST: Final = 2**31 - 1
"""The largest size that means something; what validates takes none beyond 64 bits."""
_ORDERED: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
_EXCLUSIVE: Final = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_KEPT: Final[Mapping[str, Mapping[str, Callable[[float, float], bool]]]] = {
    "a number": {
        "minimum": operator.ge,
        "maximum": operator.le,
        "exclusiveMinimum": operator.gt,
        "exclusiveMaximum": operator.lt,
    },
    "text": {"minLength": operator.ge, "maxLength": operator.le},
    "a list": {"minItems": operator.ge, "maxItems": operator.le},
}
"""How a value of each kind keeps to each limit."""
_NAMES: Final = ("x-enum-varnames", "x-enumNames", "x-enum-names")
_DEFAULT_DEPTH: Final = 20


class ValueReader:
    """Reads the keywords of a schema that hold no schemas."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics

    def values(self, node: Node, types: list[str]) -> Definition:
        """`enum`, `const` and `default`: kept as far as Python's types can say them."""
        definition: Definition = {}
        choices = node.get("enum")
        if choices is not None and not choices.items:
            problem = "is empty" if isinstance(choices.value, tuple) else "is no list of values"
            self._keyword(choices, f"`enum` {problem}", "list what is allowed")
        elif choices is not None:
            values = [
                i.value for i in choices.items if self._is_value(i, types, "a value of `enum`")
            ]
            if values and all(_is_literal(value) for value in values):
                # `1` and `true` are equal in Python.
                definition["enum"] = list({(type(v), v): v for v in values}.values())
                definition |= _enum_names(node, values)
            elif values and not types:
                definition["type"] = _types_of(values)
        constant = node.get("const")
        if constant is not None:
            value = self._fitting(constant, types, "`const`").value
            if _is_literal(value):
                definition["const"] = value
            elif not types:
                definition["type"] = _types_of([value])
        default = node.get("default")
        if default is not None and self._is_default(default, types):
            allowed = definition.get("enum")
            if not isinstance(allowed, list) or default.value in allowed:
                definition["default"] = default.plain()
        return definition

    def _is_default(self, node: Node, types: list[str]) -> bool:
        return self._is_value(node, types, "`default`") and _is_plain(node, _DEFAULT_DEPTH)

    def _is_value(self, node: Node, types: list[str], what: str) -> bool:
        if not types or any(fits(node.value, type_) for type_ in types):
            return True
        self._diagnostics.add(
            "schema-value",
            f"{what} is {described_value(node)}, and `type` is {' or '.join(types)}: it is left"
            " out",
            node.location,
            "make the value one of the type, or correct the type",
        )
        return False

    def _fitting(self, node: Node, types: list[str], keyword: str) -> Node:
        if types and not any(fits(node.value, type_) for type_ in types):
            self._diagnostics.add(
                "schema-contradiction",
                f"{keyword} is {described_value(node)}, and `type` is {' or '.join(types)}",
                node.location,
                "make the value one of the type, or correct the type",
            )
        return node

    def limits(self, node: Node, *, booleans: bool) -> Definition:
        """Bounds, sizes, format and pattern.

        Args:
            node: the schema.
            booleans: whether `exclusiveMinimum: true` is how `minimum` is meant.
        """
        definition: Definition = {}
        for keyword in (*_BOUNDS, *_SIZES):
            entry = node.get(keyword)
            if entry is None or (booleans and _is_switch(keyword, entry)):
                continue
            value = self._limit(keyword, entry)
            if value is not None:
                definition[keyword] = value
        for exclusive, inclusive in _EXCLUSIVE:
            entry = node.get(exclusive)
            if booleans and entry and entry.value is True and inclusive in definition:
                definition[exclusive] = definition.pop(inclusive)
        self._check_order(node)
        unique = node.get("uniqueItems")
        if unique is not None and unique.value is True:
            definition["uniqueItems"] = True
        return definition | self._text(node)

    def drop_wrong_default(self, node: Node, definition: Definition) -> None:
        """Leave out a default that the limits beside it do not allow."""
        default = node.get("default")
        broken = _broken(definition) if "default" in definition else None
        if default is not None and broken is not None:
            del definition["default"]
            self._diagnostics.add(
                "schema-value",
                f"`default` is {described_value(default)}, which `{broken}` does not allow: it is"
                " left out",
                default.location,
                "make it a value that the schema allows",
            )

    def _limit(self, keyword: str, node: Node) -> int | float | None:
        value = node.value
        if keyword in _SIZES:
            fit, wanted = fits(value, "integer") and _not_negative(value), "a whole number"
        elif keyword == "multipleOf":
            fit, wanted = fits(value, "number") and _above_zero(value), "a number above 0"
        else:
            fit, wanted = fits(value, "number"), "a number"
        if fit and isinstance(value, int | float):
            return self._size(keyword, node, int(value)) if keyword in _SIZES else value
        self._keyword(node, f"`{keyword}` is {described_value(node)}", f"write {wanted}")
        return None

    def _size(self, keyword: str, node: Node, value: int) -> int | None:
        if value <= _LARGEST:
            return value
        if keyword.startswith("min"):
            self._diagnostics.add(
                "schema-contradiction",
                f"`{keyword}` is {described_value(node)}: nothing is so large",
                node.location,
                f"write at most {_LARGEST}",
            )
        return None  # a maximum that nothing reaches

    def _text(self, node: Node) -> Definition:
        """What a text looks like."""
        definition: Definition = {}
        format_, pattern = node.get("format"), node.get("pattern")
        if format_ is not None and format_.text in FORMATS:
            definition["format"] = format_.text
        if pattern is not None and pattern.text is None:
            self._keyword(pattern, f"`pattern` is {described_value(pattern)}", "write it as text")
        elif pattern is not None:
            text = pattern.text or ""
            if self.is_pattern(text, node.key_location("pattern")):
                definition["pattern"] = text
        return definition

    def is_pattern(self, pattern: str, location: Location) -> bool:
        """Whether it is a pattern that pydantic can check; a warning where it is none."""
        try:
            SchemaValidator(core_schema.str_schema(pattern=pattern))
        except SchemaError:
            none = _is_no_pattern(pattern)
            self._diagnostics.add(
                "schema-pattern",
                f"the pattern {shown(pattern)} is not checked: it is"
                f" {'no regular expression' if none else 'none for pydantic'}",
                location,
                "correct it"
                if none
                else "use no look-around and no back-reference (the syntax of Rust's regex crate)",
            )
            return False
        return True

    def _check_order(self, node: Node) -> None:
        for lower, upper in _ORDERED:
            low, high = node.get(lower), node.get(upper)
            if low is None or high is None:
                continue
            numbers = isinstance(low.value, int | float) and isinstance(high.value, int | float)
            if numbers and low.value > high.value:  # type: ignore[operator]  # they are numbers
                self._diagnostics.add(
                    "schema-contradiction",
                    f"`{lower}` {described_value(low)} is above `{upper}` {described_value(high)}",
                    node.key_location(lower),
                    "nothing is both: correct one of them",
                )

    def _keyword(self, node: Node, message: str, help: str) -> None:  # noqa: A002 - as in Diagnostic
        self._diagnostics.add("schema-keyword", message, node.location, help)


def _enum_names(node: Node, values: Collection[object]) -> Definition:
    """What a document calls the values: `x-enum-varnames`, and what others write for it."""
    for key in _NAMES:
        entry = node.get(key)
        names = [item.text for item in entry.items if item.text] if entry is not None else []
        if names and len(names) == len(values) == len(set(values)):
            return {"x-enum-varnames": names}
    return {}


def _is_switch(keyword: str, node: Node) -> bool:
    return keyword.startswith("exclusive") and isinstance(node.value, bool)


def fits(value: object, type_: str) -> bool:
    """Whether a value is of a type of JSON Schema."""
    if isinstance(value, bool):
        return type_ == "boolean"
    if isinstance(value, int):
        return type_ in ("integer", "number")
    if isinstance(value, float):
        return type_ == "number" or (type_ == "integer" and value.is_integer())
    return type_ == {"text": "string", "a mapping": "object", "a list": "array"}.get(
        kind(value), "null"
    )


def _types_of(values: Collection[object]) -> list[str]:
    """The types of values that no `Literal` can hold."""
    found = [next(type_ for type_ in TYPES if fits(value, type_)) for value in values]
    return [t for t in dict.fromkeys(found) if t != "integer" or "number" not in found]


def _broken(definition: Definition) -> str | None:
    """The limit that the default does not keep to; None if it keeps to all."""
    value: Any = definition["default"]
    measured = len(value) if isinstance(value, str | list) else value
    for keyword, keeps in _KEPT.get(kind(value), {}).items():
        limit = definition.get(keyword)
        if isinstance(limit, int | float) and not keeps(measured, limit):
            return keyword
    return None


def _is_no_pattern(pattern: str) -> bool:
    """Whether Python, which knows what pydantic's engine does not, takes it for none either."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return True
    return False


def _is_literal(value: object) -> bool:
    return isinstance(value, str | int) or value is None


def _is_plain(node: Node, depth: int) -> bool:
    """Whether it is data that nothing takes for a reference."""
    if depth == 0 or "$ref" in node.mapping:
        return False
    return all(_is_plain(part, depth - 1) for part in (*node.items, *node.mapping.values()))


def _above_zero(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _not_negative(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0


def described_value(node: Node) -> str:
    """A value as messages show it."""
    value = node.value
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, bool | int | float):
        return f"`{str(value).lower()[:40]}`"
    return kind(value)
