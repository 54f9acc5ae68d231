"""JSON Schema (draft 7, as AsyncAPI 3.0 has it): checked, resolved, and reduced.

What is kept is what becomes a Python type. Everything else stays behind: no keyword that
some tool gives a meaning of its own ever reaches one.
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from pydantic_core import SchemaError, SchemaValidator, core_schema

from .contract import Definition, Schema
from .diagnostics import Diagnostics, shown
from .documents import Documents
from .nodes import Node, kind
from .structure import Structure

_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")
_FORMATS: Final = ("date", "date-time", "time", "duration", "uuid")
"""Formats that have a type in Python whose text is the same again on the wire."""
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES: Final = ("minLength", "maxLength", "minItems", "maxItems")
_ORDERED: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
_COMBINERS: Final = ("allOf", "anyOf", "oneOf")
_POINTER_WORDS: Final = frozenset({"payload", "schema", "schemas", "items", "properties"})
_JSON_SCHEMA: Final = (
    "application/vnd.aai.asyncapi",
    "application/schema+json",
    "application/schema+yaml",
)


@dataclass(slots=True)
class Schemas:
    """The schemas of a document. Each place that is referred to is one schema, read once."""

    documents: Documents
    diagnostics: Diagnostics
    found: dict[str, Schema] = field(default_factory=dict)
    _ids: dict[Node, str] = field(default_factory=dict)
    _waiting: list[tuple[Node, str, str]] = field(default_factory=list)
    _structure: Structure = field(init=False)

    def __post_init__(self) -> None:
        self._structure = Structure(self.diagnostics)

    def add(self, node: Node, name: str, *, used: bool = True) -> str | None:
        """Read a schema and all that it refers to; its id, or None if it cannot be read.

        Args:
            node: the schema, a reference to one, or one in a Multi Format Schema Object.
            name: what to call it, if no reference names it otherwise.
            used: whether something needs it; what is not needed may be in any format.
        """
        id_ = self._add(node, name, used=used)
        while self._waiting:
            schema, waiting, called = self._waiting.pop()
            definition = self._reduced(schema)
            self.found[waiting] = Schema(waiting, called, definition, schema.location)
        return id_

    def _add(self, node: Node, name: str, *, used: bool = True) -> str | None:
        reference = node.string("$ref")
        resolved = self.documents.resolve(node)
        if resolved is not None and resolved.get("schema") and resolved.get("schemaFormat"):
            inner = self._of_format(resolved, used=used)
            return self._add(inner, _named(reference, name), used=used) if inner else None
        if resolved is None:
            return None
        if resolved not in self._ids:
            self._ids[resolved] = id_ = str(len(self._ids))
            called = _named(reference, name)
            # A place is kept for it, so that the order is that of first mention.
            self.found[id_] = Schema(id_, called, {}, resolved.location)
            self._waiting.append((resolved, id_, called))
        return self._ids[resolved]

    def _of_format(self, node: Node, *, used: bool) -> Node | None:
        """The schema in a Multi Format Schema Object, if it is in a format that is read."""
        format_ = self._structure.text(node, "schemaFormat")
        if format_ is None:
            return None
        if format_.partition(";")[0].partition("+")[0] == "application/vnd.aai.asyncapi":
            return node.get("schema")
        if format_.partition(";")[0] in _JSON_SCHEMA:
            return node.get("schema")
        known = ("avro", "protobuf", "raml", "openapi")
        if used or not any(word in format_ for word in known):
            self.diagnostics.add(
                "unsupported-schema-format",
                f"schemas in the format {shown(format_)} are not read yet",
                node.key_location("schemaFormat"),
                "write the schema as JSON Schema and leave `schemaFormat` out",
            )
        return None

    def _reduced(self, node: Node) -> Definition:
        """The schema without what does not become Python."""
        if isinstance(node.value, bool):
            return {}
        if not self._structure.is_mapping(node, "the schema"):
            return {}
        if node.reference is not None:
            return self._reference(node)
        types = self._types(node)
        definition: Definition = {}
        if types:
            definition["type"] = types[0] if len(types) == 1 else types
        description = self._structure.text(node, "description")
        if description:
            definition["description"] = description
        definition |= self._values(node, types)
        definition |= self._limits(node)
        definition |= self._parts(node)
        return definition

    def _reference(self, node: Node) -> Definition:
        id_ = self._add(node, "")
        if id_ is None:
            return {}
        definition: Definition = {"$ref": f"#/$defs/{id_}"}
        description = node.string("description")
        return definition | {"description": description} if description else definition

    def _types(self, node: Node) -> list[str]:
        entry = node.get("type")
        if entry is None:
            return ["object"] if "properties" in node.mapping else []
        types: list[str] = []
        for item in entry.items or (entry,):
            if item.text not in _TYPES:
                self._keyword(
                    item, f"`type` is {_value(item)}", f"write one of {', '.join(_TYPES)}"
                )
            elif item.text not in types:
                types.append(item.text)
        return types

    def _values(self, node: Node, types: list[str]) -> Definition:
        """`enum`, `const` and `default`: kept as far as Python's types can say them."""
        definition: Definition = {}
        choices = node.get("enum")
        if choices is not None and not choices.items:
            self._keyword(choices, "`enum` is no list of values", "list what is allowed")
        elif choices is not None:
            values = [self._fitting(item, types, "`enum`").value for item in choices.items]
            if all(_is_literal(value) for value in values):
                # `1` and `true` are equal in Python.
                definition["enum"] = list({(type(v), v): v for v in values}.values())
        constant = node.get("const")
        if constant is not None and _is_literal(self._fitting(constant, types, "`const`").value):
            definition["const"] = constant.value
        default = node.get("default")
        if default is not None:
            value = self._fitting(default, types, "`default`").value
            # A default that is text would have to be made a date or an id first.
            if isinstance(value, str | int | float) and node.string("format") not in _FORMATS:
                allowed = definition.get("enum")
                if not isinstance(allowed, list) or value in allowed:
                    definition["default"] = value
        return definition

    def _fitting(self, node: Node, types: list[str], keyword: str) -> Node:
        if types and not any(_fits(node.value, type_) for type_ in types):
            self.diagnostics.add(
                "schema-contradiction",
                f"{keyword} is {_value(node)}, and `type` is {' or '.join(types)}",
                node.location,
                "make the value one of the type, or correct the type",
            )
        return node

    def _limits(self, node: Node) -> Definition:
        definition: Definition = {}
        for keyword in (*_BOUNDS, *_SIZES, "minProperties", "maxProperties"):
            entry = node.get(keyword)
            if entry is None:
                continue
            value = entry.value
            if keyword in _BOUNDS:
                fits = _fits(value, "number") and (keyword != "multipleOf" or _above_zero(value))
                wanted = "a number above 0" if keyword == "multipleOf" else "a number"
            else:
                fits, wanted = _fits(value, "integer") and _not_negative(value), "a whole number"
            if not fits:
                self._keyword(entry, f"`{keyword}` is {_value(entry)}", f"write {wanted}")
            elif keyword in _BOUNDS or keyword in _SIZES:
                definition[keyword] = value
        self._check_order(node)
        format_ = self._structure.text(node, "format")
        if format_ in _FORMATS:
            definition["format"] = format_
        return definition | self._pattern(node)

    def _check_order(self, node: Node) -> None:
        for lower, upper in _ORDERED:
            low, high = node.get(lower), node.get(upper)
            if low is None or high is None:
                continue
            numbers = isinstance(low.value, int | float) and isinstance(high.value, int | float)
            if numbers and low.value > high.value:  # type: ignore[operator]  # they are numbers
                self.diagnostics.add(
                    "schema-contradiction",
                    f"`{lower}` {_value(low)} is above `{upper}` {_value(high)}",
                    node.key_location(lower),
                    "nothing is both: correct one of them",
                )

    def _pattern(self, node: Node) -> Definition:
        pattern = self._structure.text(node, "pattern")
        if pattern is None:
            return {}
        try:
            SchemaValidator(core_schema.str_schema(pattern=pattern))
        except SchemaError:
            self.diagnostics.add(
                "schema-pattern",
                f"the pattern {shown(pattern)} is not checked: it is none for pydantic",
                node.key_location("pattern"),
                "use no look-around and no back-reference (the syntax of Rust's regex crate)",
            )
            return {}
        return {"pattern": pattern}

    def _parts(self, node: Node) -> Definition:
        """The schemas within the schema."""
        definition: Definition = {}
        properties = self._structure.entries(node.get("properties"), "`properties`")
        if properties:
            definition["properties"] = {name: self._part(part) for name, part in properties.items()}
        required = [
            item.text
            for item in self._structure.items(node.get("required"), "`required`")
            if item.text is not None
        ]
        if required:
            definition["required"] = list(dict.fromkeys(required))
        items = node.get("items") or node.get("prefixItems")
        if items is not None:
            # A tuple: Python's type is a list of what its items may be.
            parts = [self._part(item) for item in items.items]
            definition["items"] = {"anyOf": parts} if parts else self._part(items)
        for combiner in _COMBINERS:
            entry = node.get(combiner)
            if entry is not None and not entry.items:
                self._keyword(entry, f"`{combiner}` is no list of schemas", "list the schemas")
            elif entry is not None:
                definition[combiner] = [self._part(item) for item in entry.items]
        # Receivers ignore what they do not know, so this says something of maps alone.
        additional = node.get("additionalProperties")
        if not properties and additional is not None and additional.value is not False:
            definition["additionalProperties"] = self._part(additional)
        return definition

    def _part(self, node: Node) -> Definition:
        if node.get("schema") and node.get("schemaFormat"):
            inner = self._of_format(node, used=True)
            return self._part(inner) if inner else {}
        return self._reduced(node)

    def _keyword(self, node: Node, message: str, help: str) -> None:  # noqa: A002 - as in Diagnostic
        self.diagnostics.add("schema-keyword", message, node.location, help)


def _named(reference: str | None, name: str) -> str:
    """A schema's name: the last telling word of the reference to it, or the file's."""
    if reference is None:
        return name
    file, _, pointer = reference.partition("#")
    for token in reversed(unquote(pointer).split("/")[1:]):
        word = token.replace("~1", "/").replace("~0", "~")
        if word not in _POINTER_WORDS and not word.isdigit():
            return word
    return PurePosixPath(unquote(file)).name.partition(".")[0] or name or "schema"


def _fits(value: object, type_: str) -> bool:
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


def _is_literal(value: object) -> bool:
    return isinstance(value, str | int) or value is None


def _above_zero(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _not_negative(value: object) -> bool:
    return isinstance(value, int | float) and value >= 0


def _value(node: Node) -> str:
    value = node.value
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, bool | int | float):
        return f"`{str(value).lower()[:40]}`"
    return kind(value)
