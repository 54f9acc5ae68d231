"""Schemas that inherit from one with a `discriminator`: its values are theirs.

AsyncAPI and OpenAPI let a schema name a property that tells apart what inherits from it by
`allOf`. Who refers to that schema means any of these, though it names none of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .contract import Schema

_PREFIX = "#/$defs/"


def with_children(schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
    """The schemas; where one has a discriminator and no options, its children are these."""
    bases = {
        id_
        for id_, schema in schemas.items()
        if "discriminator" in schema.definition
        and not schema.definition.keys() & {"anyOf", "oneOf"}
    }
    if not bases:
        return schemas
    children: dict[str, list[str]] = {id_: [] for id_ in bases}
    for id_ in schemas:
        for ancestor in _ancestors(schemas, id_):
            if ancestor in bases:
                children[ancestor].append(id_)
    return {
        id_: replace(
            schema,
            definition=schema.definition
            | {"oneOf": [{"$ref": _PREFIX + child} for child in children[id_]]},
        )
        if children.get(id_)
        else schema
        for id_, schema in schemas.items()
    }


def _ancestors(schemas: Mapping[str, Schema], id_: str) -> Iterator[str]:
    waiting, seen = [id_], {id_}
    while waiting:
        parts = schemas[waiting.pop()].definition.get("allOf")
        for part in parts if isinstance(parts, list) else ():
            reference = part.get("$ref") if isinstance(part, dict) else None
            parent = reference.removeprefix(_PREFIX) if isinstance(reference, str) else None
            if parent is not None and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
                yield parent
