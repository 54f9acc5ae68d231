"""Payloads that may be null: on Kafka a null value is a tombstone, which deletes its key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .contract import Definition, Schema

MAX_DEPTH: Final = 100
"""How deep a null is looked for; one that lies deeper is not found."""


def takes_null(schemas: Mapping[str, Schema], id_: str) -> bool:
    """Whether a schema says that null is one of its values.

    One that says nothing of types would take null too, but does not mean it.
    """
    return _Search(schemas).of({"$ref": f"#/$defs/{id_}"}, 0)


@dataclass(slots=True)
class _Search:
    schemas: Mapping[str, Schema]
    known: dict[str, bool] = field(default_factory=dict)
    """What was found of schemas that are referred to; false until it is known."""

    def of(self, definition: Definition, depth: int) -> bool:
        reference = definition.get("$ref")
        if isinstance(reference, str):
            return self._referred(reference.removeprefix("#/$defs/"), depth)
        types = definition.get("type")
        if isinstance(types, str | list) and types != "null" and "null" not in types:
            return False
        if "const" in definition:
            return definition["const"] is None
        choices = definition.get("enum")
        if isinstance(choices, list):
            return None in choices
        any_of = [*_parts(definition, "anyOf"), *_parts(definition, "oneOf")]
        all_of = _parts(definition, "allOf")
        if not any_of and not all_of:
            return types is not None
        return all(self.of(part, depth + 1) for part in all_of) and (
            not any_of or any(self.of(part, depth + 1) for part in any_of)
        )

    def _referred(self, id_: str, depth: int) -> bool:
        if id_ not in self.known:
            self.known[id_] = False
            if depth < MAX_DEPTH:
                self.known[id_] = self.of(self.schemas[id_].definition, depth + 1)
        return self.known[id_]


def _parts(definition: Definition, keyword: str) -> list[Definition]:
    parts = definition.get(keyword)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
