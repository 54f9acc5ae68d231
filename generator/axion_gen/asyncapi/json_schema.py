"""JSON Schema (draft 7, 2020-12, and OpenAPI's), reduced to what becomes a Python type.

Left behind are the keywords that no type can say: `not`, `contains`, `dependentRequired` and their
like; of `then`, `else` and `dependentSchemas` it is kept which properties there may be. A receiver
is a little more generous for it; what is left is checked.
"""

from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from .contract import Definition
from .json_keywords import check_keywords
from .json_values import TYPES, ValueReader, described_value
from .nodes import Node

if TYPE_CHECKING:
    from .schemas import Schemas

_COMBINERS: Final = ("allOf", "anyOf", "oneOf")
_CONDITIONAL: Final = ("then", "else")
_DEPENDENT: Final = ("dependentSchemas", "dependencies")
_CONDITIONS: Final = 100_000
"""How many properties are taken from conditions, however often one is referred to."""


class Dialect(Enum):
    """In what JSON Schema a schema is written; they differ little."""

    DRAFT_7 = "draft-07"
    DRAFT_2020_12 = "2020-12"
    """What stands beside a `$ref` counts, too."""
    OPENAPI_3_0 = "openapi-3.0"
    """`exclusiveMinimum: true` says how `minimum` is meant."""


class JsonSchemaReader:
    """Reads schemas, one at a time; what is wrong with one is diagnosed.

    Args:
        schemas: where what a schema refers to is found.
    """

    def __init__(self, schemas: "Schemas") -> None:
        self._schemas = schemas
        self._values = ValueReader(schemas.diagnostics)
        self._room = _CONDITIONS

    def definition(self, node: Node, dialect: Dialect) -> Definition:
        """The schema without what does not become Python."""
        structure = self._schemas.structure
        if isinstance(node.value, bool) or not structure.is_mapping(node, "the schema"):
            return {}
        declared = node.string("$schema")
        if declared is not None and ("2020-12" in declared or "2019-09" in declared):
            dialect = Dialect.DRAFT_2020_12
        if node.reference is not None:
            return self._reference(node, dialect)
        return self._own(node, dialect)

    def _reference(self, node: Node, dialect: Dialect) -> Definition:
        id_ = self._schemas.refer(node, "", dialect)
        target: Definition = {"$ref": f"#/$defs/{id_}"} if id_ is not None else {}
        if dialect is Dialect.DRAFT_2020_12:
            beside = self._own(node, dialect)
            if beside.keys() - {"description", "default"}:
                return {"allOf": [target, beside]}
            if "default" in beside:
                return {"allOf": [target], **beside}
        description = node.string("description")
        return target | {"description": description} if description else target

    def _own(self, node: Node, dialect: Dialect) -> Definition:
        types = self._types(node)
        check_keywords(node, self._schemas.diagnostics)
        definition: Definition = {}
        if types:
            definition["type"] = types[0] if len(types) == 1 else types
        description = self._schemas.structure.text(node, "description")
        if description:
            definition["description"] = description
        openapi = dialect is Dialect.OPENAPI_3_0
        definition |= self._values.values(node, types)
        definition |= self._values.limits(node, booleans=openapi)
        self._values.drop_wrong_default(node, definition)
        definition |= self._objects(node, dialect)
        definition |= self._arrays(node, dialect)
        for combiner in _COMBINERS:
            entry = node.get(combiner)
            if entry is not None and not entry.items:
                self._keyword(entry, f"`{combiner}` is no list of schemas", "list the schemas")
            elif entry is not None:
                definition[combiner] = [self._option(item, dialect) for item in entry.items]
        definition |= self._discriminator(node, dialect)
        nullable = node.get("nullable")
        return _or_null(definition) if nullable and nullable.value is True else definition

    def _types(self, node: Node) -> list[str]:
        entry = node.get("type")
        if entry is None:
            return ["object"] if "properties" in node.mapping else []
        types: list[str] = []
        for item in entry.items or (entry,):
            if item.text not in TYPES:
                self._keyword(
                    item, f"`type` is {described_value(item)}", f"write one of {', '.join(TYPES)}"
                )
            elif item.text not in types:
                types.append(item.text)
        return types

    def _objects(self, node: Node, dialect: Dialect) -> Definition:
        definition: Definition = {}
        structure = self._schemas.structure
        properties = {
            name: part
            for name, part in structure.entries(node.get("properties"), "`properties`").items()
            if part.value is not False  # it must not be there
        }
        parts: Definition = {name: self._part(p, dialect) for name, p in properties.items()}
        for name in self._sometimes(node):
            parts.setdefault(name, {})  # of any type: what is said there does not always count
        if parts:
            definition["properties"] = parts
        required = [
            item.text
            for item in structure.items(node.get("required"), "`required`")
            if item.text is not None
        ]
        if required:
            definition["required"] = list(dict.fromkeys(required))
        patterns = structure.entries(node.get("patternProperties"), "`patternProperties`")
        if patterns:
            definition["patternProperties"] = {
                pattern: self._part(part, dialect)
                for pattern, part in patterns.items()
                if self._values.is_pattern(pattern, part.location)
            }
        names = node.get("propertyNames")
        if names is not None:
            definition["propertyNames"] = self._part(names, dialect)
        additional = node.get("additionalProperties") or node.get("unevaluatedProperties")
        if additional is None:
            return definition
        if isinstance(additional.value, bool):
            definition["additionalProperties"] = additional.value
        else:
            definition["additionalProperties"] = self._part(additional, dialect)
        return definition

    def _sometimes(self, node: Node) -> Iterator[str]:
        """The properties that conditions and dependencies describe."""
        documents = self._schemas.documents
        schemas = [node]
        for schema in schemas:  # it grows: a condition may have another one within it
            parts = [part for key in _CONDITIONAL if (part := schema.get(key)) is not None]
            dependent = [entry for key in _DEPENDENT if (entry := schema.get(key)) is not None]
            parts += [part for entry in dependent for part in entry.mapping.values()]
            schemas += [part for part in parts if part.reference is None]
            for part in filter(None, map(documents.resolve, parts)):
                properties = documents.resolve(part.get("properties"))
                for name in islice(properties.mapping if properties else (), self._room):
                    self._room -= 1
                    yield name

    def _arrays(self, node: Node, dialect: Dialect) -> Definition:
        """`items`, and those of a tuple, as 2020-12 writes them."""
        items, rest = node.get("items"), node.get("additionalItems")
        first = node.get("prefixItems")
        if first is None and items is not None and isinstance(items.value, tuple):
            first, items = items, rest
        if items is None and node.get("contains") is None:
            items = node.get("unevaluatedItems")
        definition: Definition = {}
        if first is not None and first.items:
            definition["prefixItems"] = [self._part(item, dialect) for item in first.items]
        if items is not None:
            definition["items"] = False if items.value is False else self._part(items, dialect)
        return definition

    def _discriminator(self, node: Node, dialect: Dialect) -> Definition:
        """AsyncAPI's text, or OpenAPI's mapping: which property tells the options apart."""
        entry = node.get("discriminator")
        if entry is None:
            return {}
        name = entry.text or entry.string("propertyName")
        if name is None:
            self._keyword(
                entry,
                "`discriminator` names no property",
                "write the property's name, or a mapping with `propertyName`",
            )
            return {}
        mapping: dict[str, str] = {}
        for value, target in self._schemas.structure.entries(
            entry.get("mapping"), "`mapping`"
        ).items():
            id_ = self._mapped(target, dialect)
            if id_ is not None:
                mapping[value] = f"#/$defs/{id_}"
        return {"discriminator": {"propertyName": name, "mapping": mapping}}

    def _mapped(self, target: Node, dialect: Dialect) -> str | None:
        """The schema that a value of a mapping means: by its name, or by a reference."""
        text = target.text or ""
        names = self._schemas.documents.at(target.location.source, "components", "schemas")
        if text in names or not set(text) & set("/#."):
            text = f"#/components/schemas/{quote(text.replace('~', '~0'), safe='~')}"
        named = Node(text, target.location)
        return self._schemas.refer(
            Node({"$ref": named}, target.location, {"$ref": target.location}), "", dialect
        )

    def _option(self, node: Node, dialect: Dialect) -> Definition:
        """One of several: its title tells it from the others, wherever it stands among them."""
        definition, title = self._part(node, dialect), node.string("title")
        return definition | {"title": title} if title and "$ref" not in definition else definition

    def _part(self, node: Node, dialect: Dialect) -> Definition:
        if node.get("schema") and node.get("schemaFormat"):
            id_ = self._schemas.refer(node, "schema", dialect)
            return {"$ref": f"#/$defs/{id_}"} if id_ is not None else {}
        return self.definition(node, dialect)

    def _keyword(self, node: Node, message: str, help: str) -> None:  # noqa: A002 - as in Diagnostic
        self._schemas.diagnostics.add("schema-keyword", message, node.location, help)


def _or_null(definition: Definition) -> Definition:
    """OpenAPI's `nullable`: the same, or null."""
    types, choices = definition.get("type"), definition.get("enum")
    if "const" not in definition and types is not None:
        both = [*types, "null"] if isinstance(types, list) else [types, "null"]
        result = definition | {"type": list(dict.fromkeys(both))}
        return result | {"enum": [*choices, None]} if isinstance(choices, list) else result
    said: Definition = {}
    if "description" in definition:
        said["description"] = definition.pop("description")
    return said | {"anyOf": [definition, {"type": "null"}]} if definition else said
