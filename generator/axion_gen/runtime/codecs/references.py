"""Schemas of Avro made of others, which a registry keeps each for itself."""

from collections.abc import Mapping
from typing import Any, Final

_NO_NAMES: Final = frozenset(
    {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
    | {"record", "error", "enum", "fixed", "array", "map"}
)


def with_references(schema: object, others: Mapping[str, object]) -> object:
    """A schema that needs no other: the first mention of a name is what has that name.

    Args:
        schema: it, as JSON has it.
        others: by their full names, whatever it mentions and what these mention in their turn.

    Raises:
        RecursionError: it is too deep.
    """
    return _Whole(others).of(schema, "") if others else schema


class _Whole:
    def __init__(self, others: Mapping[str, object]) -> None:
        self._others = others
        self._written: set[str] = set()

    def of(self, schema: object, namespace: str) -> object:
        """It, where it stands within a namespace."""
        if isinstance(schema, str):
            return self._named(schema, namespace)
        if isinstance(schema, list):
            return [self.of(part, namespace) for part in schema]
        return self._definition(schema, namespace) if isinstance(schema, dict) else schema

    def _named(self, name: str, namespace: str) -> object:
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        if name in _NO_NAMES or full in self._written or full not in self._others:
            return name
        self._written.add(full)
        other = self._others[full]
        if isinstance(other, dict) and "." not in str(other.get("name")):
            # Its namespace is its own, not that of the place where it now stands.
            other = {"namespace": "", **other}
        return self.of(other, "")

    def _definition(self, schema: dict[str, Any], namespace: str) -> dict[str, Any]:
        name = schema.get("name")
        if isinstance(name, str):
            inner = str(schema.get("namespace", namespace))
            namespace = name.rpartition(".")[0] or inner
            self._written.add(name if "." in name or not inner else f"{inner}.{name}")
        whole = dict(schema)
        for key in ("type", "items", "values"):
            if key in whole:
                whole[key] = self.of(whole[key], namespace)
        fields = whole.get("fields")
        if isinstance(fields, list):
            whole["fields"] = [
                {**field, "type": self.of(field["type"], namespace)} for field in fields
            ]
        return whole
