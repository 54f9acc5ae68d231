"""Avro schemas: resolved for the wire, and turned into definitions for the models.

How a value looks in Python is how fastavro writes and reads it:

| Avro | Python |
| --- | --- |
| record, array, map | a model, `list`, `dict` |
| enum | `Literal` of its symbols |
| bytes, fixed | `bytes` |
| union | `A or B`, with null `or None` |
| decimal | `Decimal` |
| uuid | `UUID` |
| date, time-* | `date`, `time` |
| timestamp-* | `datetime` with a time zone, local-timestamp-* without |
| duration | `bytes`, twelve of them |

A field with a default may be left out: the default is written.
"""

from typing import TYPE_CHECKING, Final

from .avro_names import NAMED, Named, NameReader, full_name
from .contract import Definition
from .documents import Documents
from .nodes import Node
from .plain import plain

if TYPE_CHECKING:
    from .schemas import Schemas

_PRIMITIVES: Final[dict[str, Definition]] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "bytes": {"type": "string", "format": "binary"},
    "string": {"type": "string"},
}
_LOGICAL: Final[dict[tuple[str, str], Definition]] = {
    ("bytes", "decimal"): {"type": "number", "format": "decimal"},
    ("fixed", "decimal"): {"type": "number", "format": "decimal"},
    ("string", "uuid"): {"type": "string", "format": "uuid"},
    ("int", "date"): {"type": "string", "format": "date"},
    ("int", "time-millis"): {"type": "string", "format": "time"},
    ("long", "time-micros"): {"type": "string", "format": "time"},
    ("long", "timestamp-millis"): {"type": "string", "format": "date-time"},
    ("long", "timestamp-micros"): {"type": "string", "format": "date-time"},
    ("long", "local-timestamp-millis"): {"type": "string", "format": "date-time-local"},
    ("long", "local-timestamp-micros"): {"type": "string", "format": "date-time-local"},
}
"""Those that fastavro reads; the others stay what they are made of."""
_WORDS: Final = {*_PRIMITIVES, *NAMED, "array", "map"}
_DEFAULTS: Final = {"null", "boolean", "integer", "number", "string"}


class AvroReader:
    """Reads Avro schemas into definitions; what is wrong with one is diagnosed.

    Args:
        schemas: where the named types of all schemas are kept.
    """

    def __init__(self, schemas: "Schemas") -> None:
        self._schemas = schemas
        self._names = NameReader(schemas.documents, schemas.diagnostics)

    def refer(self, node: Node, name: str) -> str | None:
        """The id of a schema, to be read later; None if it is no Avro, which is diagnosed."""
        if not self._names.is_avro(node):
            return None
        named = self._names.at(node)
        if named is not None:
            return self._refer(named)
        return self._schemas.place(node, name, lambda: self._definition(node, ""))

    def _refer(self, named: Named) -> str:
        return self._schemas.place(named.node, named.short, lambda: self._named(named))

    def _named(self, named: Named) -> Definition:
        """A record, an enum, or a fixed."""
        node, type_ = named.node, named.node.string("type")
        definition: Definition = {}
        doc = node.string("doc")
        if doc:
            definition["description"] = doc
        if type_ == "enum":
            symbols = node.get("symbols")
            return definition | {
                "type": "string",
                "enum": [item.text for item in (symbols.items if symbols else ())],
            }
        if type_ == "fixed":
            size = node.get("size")
            logical = _LOGICAL.get(("fixed", node.string("logicalType") or ""))
            length = size.value if size else 0
            limits = {"minLength": length, "maxLength": length}
            return definition | (logical or {"type": "string", "format": "binary", **limits})
        return definition | self._record(named)

    def _record(self, named: Named) -> Definition:
        properties: dict[str, Definition] = {}
        required: list[str] = []
        fields = named.node.get("fields")
        for entry in fields.items if fields else ():
            field = self._names.resolved(entry)
            name, type_ = field.string("name"), field.get("type")
            if name is None or type_ is None:
                continue
            properties[name] = self._field(field, type_, named.namespace)
            if "default" not in field.mapping:
                required.append(name)
        return {
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
        }

    def _field(self, field: Node, type_: Node, namespace: str) -> Definition:
        definition = dict(self._definition(type_, namespace))
        doc, default = field.string("doc"), field.get("default")
        if doc:
            definition["description"] = doc
        if default is not None and _is_simple(definition, default.plain()):
            definition["default"] = default.plain()
        return definition

    def _definition(self, node: Node, namespace: str) -> Definition:
        node = self._names.resolved(node)
        if node.items:
            return {"anyOf": [self._definition(item, namespace) for item in node.items]}
        if not node.mapping:
            return self._by_name(node.text or "null", namespace)
        named = self._names.at(node)
        if named is not None:
            return {"$ref": f"#/$defs/{self._refer(named)}"}
        inner = node.get("type")
        if inner is None:
            return {}
        type_ = inner.text or ("null" if inner.value is None else None)
        if type_ is None:
            return self._definition(inner, namespace)
        if type_ in ("array", "map"):
            key = "items" if type_ == "array" else "values"
            part = node.get(key)
            definition = self._definition(part, namespace) if part is not None else {}
            if type_ == "array":
                return {"type": "array", "items": definition}
            return {"type": "object", "additionalProperties": definition}
        logical = _LOGICAL.get((type_, node.string("logicalType") or ""))
        return dict(logical) if logical else self._by_name(type_, namespace)

    def _by_name(self, name: str, namespace: str) -> Definition:
        if name in _PRIMITIVES:
            return dict(_PRIMITIVES[name])
        named = self._names.named(name, namespace)
        return {"$ref": f"#/$defs/{self._refer(named)}"} if named is not None else {}


def _is_simple(definition: Definition, value: object) -> bool:
    """Whether a default may be said in Python as it is said in JSON."""
    if value is None:
        return False  # that it is absent says the same
    if definition.get("type") not in _DEFAULTS or "format" in definition:
        return (value == [] and definition.get("type") == "array") or (
            value == {} and "additionalProperties" in definition
        )
    return not isinstance(value, list | dict)


def resolved_schema(documents: Documents, node: Node) -> object:
    """The schema as JSON has it: what it refers to is in it, a named type once, then its name.

    It takes a schema for what it looks like: whether it is Avro, `AvroReader` says.
    """
    return _once(plain(documents, node), "", set())


def _once(schema: object, namespace: str, names: set[str]) -> object:
    if isinstance(schema, list):
        return [_once(item, namespace, names) for item in schema]
    if not isinstance(schema, dict):
        return "null" if schema is None else schema  # null without quotes, as YAML has it
    inner = schema.get("type")
    if isinstance(inner, dict | list) or (isinstance(inner, str) and inner not in _WORDS):
        return _once(inner, namespace, names)  # what only stands around another type
    if inner in NAMED:
        namespace, short = full_name(schema.get("name"), schema.get("namespace"), namespace)
        name = f"{namespace}.{short}" if namespace else short
        if name in names:
            return name
        names.add(name)
    result = dict(schema)
    for key in ("items", "values"):
        if key in schema:
            result[key] = _once(schema[key], namespace, names)
    fields = schema.get("fields")
    if isinstance(fields, list):
        result["fields"] = [
            field | {"type": _once(field.get("type"), namespace, names)}
            for field in fields
            if isinstance(field, dict)
        ]
    return result
