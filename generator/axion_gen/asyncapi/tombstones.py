"""Payloads that may be null: on Kafka a null value is a tombstone, which deletes its key."""

from collections.abc import Mapping

from .contract import Schema


def takes_null(schemas: Mapping[str, Schema], id_: str) -> bool:
    """Whether a schema says that null is one of its values.

    One that says nothing of types would take null too, but does not mean it.
    """
    return _takes_null(schemas, {"$ref": f"#/$defs/{id_}"}, {})


def _takes_null(schemas: Mapping[str, Schema], definition: object, known: dict[str, bool]) -> bool:
    if not isinstance(definition, dict):
        return False
    reference = definition.get("$ref")
    if isinstance(reference, str):
        id_ = reference.removeprefix("#/$defs/")
        if id_ not in known:
            known[id_] = False  # until it is known: a circle says nothing
            known[id_] = _takes_null(schemas, schemas[id_].definition, known)
        return known[id_]
    types = definition.get("type")
    if types is not None and types != "null" and "null" not in types:
        return False
    if "const" in definition or "enum" in definition:
        return None in definition.get("enum", [definition.get("const", ...)])
    any_of = [*definition.get("anyOf", ()), *definition.get("oneOf", ())]
    all_of = definition.get("allOf", ())
    if not any_of and not all_of:
        return types is not None
    return all(_takes_null(schemas, part, known) for part in all_of) and (
        not any_of or any(_takes_null(schemas, part, known) for part in any_of)
    )
