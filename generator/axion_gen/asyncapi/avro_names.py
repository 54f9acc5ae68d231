"""The named types of Avro schemas: found, checked, and known by their full names."""

from dataclasses import dataclass
from typing import Final

from .diagnostics import Diagnostics, nearest, shown
from .documents import Documents
from .nodes import Node, kind

_PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NAMED: Final = ("record", "error", "enum", "fixed")
_COLLECTIONS: Final = {"array": "items", "map": "values"}


@dataclass(frozen=True, slots=True)
class Named:
    """A record, an enum or a fixed."""

    node: Node
    namespace: str
    short: str
    """Its name without the namespace."""

    @property
    def full(self) -> str:
        """Its name with the namespace."""
        return f"{self.namespace}.{self.short}" if self.namespace else self.short


class NameReader:
    """Finds the named types of schemas, and holds schemas to Avro's specification."""

    def __init__(self, documents: Documents, diagnostics: Diagnostics) -> None:
        self._documents = documents
        self._diagnostics = diagnostics
        self._places: dict[Node, Named] = {}
        self._names: dict[str, Named] = {}
        self._read: dict[Node, bool] = {}
        self._open: set[Node] = set()

    def is_avro(self, node: Node) -> bool:
        """Read the named types of a schema; whether it is Avro: what is wrong is diagnosed."""
        if node not in self._read:
            self._read[node] = self._check(node, "")
        return self._read[node]

    def resolved(self, node: Node) -> Node:
        """The node, or what it refers to; itself where that leads nowhere."""
        return self._documents.resolve(node) or node

    def at(self, node: Node) -> Named | None:
        """The named type that is defined here."""
        return self._places.get(node)

    def named(self, name: str, namespace: str) -> Named | None:
        """The named type that a name means where it stands."""
        if "." not in name and namespace:
            return self._names.get(f"{namespace}.{name}") or self._names.get(name)
        return self._names.get(name)

    def _check(self, place: Node, namespace: str) -> bool:
        node = self._documents.resolve(place)
        if node is None:
            return False
        if node in self._open and node not in self._places:
            return self._wrong(node, "the Avro schema refers to itself without a name")
        self._open.add(node)
        fits = self._check_type(node, namespace)
        self._open.discard(node)
        return fits

    def _check_type(self, node: Node, namespace: str) -> bool:
        if node.items:
            fits = [self._check(item, namespace) for item in node.items]  # all faults are said
            return all(fits)
        if node.value is None:
            return True  # `null` without quotes, as YAML has it
        if node.text is not None:
            return self._check_name(node, node.text, namespace)
        type_ = node.get("type")
        if type_ is None:
            return self._wrong(node, f"{kind(node.value)} without `type` is no Avro schema")
        if type_.text in NAMED:
            return self._check_named(node, type_.text or "", namespace)
        if type_.text in _COLLECTIONS:
            key = _COLLECTIONS[type_.text]
            part = node.get(key)
            if part is None:
                return self._wrong(type_, f"an Avro {type_.text} has `{key}`")
            return self._check(part, namespace)
        return self._check(type_, namespace)

    def _check_named(self, node: Node, type_: str, namespace: str) -> bool:
        if node in self._places:
            return True
        namespace, short = full_name(node.string("name"), node.string("namespace"), namespace)
        if not short:
            return self._wrong(node, f"an Avro {type_} has a `name`")
        named = Named(node, namespace, short)
        known = self._names.setdefault(named.full, named)
        # One that two messages write out in full, each for itself, is one.
        self._places[node] = known if _same(known.node, node) else named
        if type_ == "enum":
            symbols = node.get("symbols")
            if symbols is None or not symbols.items or not all(i.text for i in symbols.items):
                return self._wrong(symbols or node, "an Avro enum has `symbols`, a list of texts")
            return True
        if type_ == "fixed":
            size = node.get("size")
            if size is None or not isinstance(size.value, int) or size.value is True:
                return self._wrong(size or node, "an Avro fixed has a `size`, in bytes")
            return True
        fields = node.get("fields")
        if fields is None or not isinstance(fields.value, tuple):
            return self._wrong(fields or node, "an Avro record has `fields`, a list")
        fits = [self._check_field(entry, namespace) for entry in fields.items]
        return all(fits)

    def _check_field(self, place: Node, namespace: str) -> bool:
        field_ = self._documents.resolve(place)
        if field_ is None:
            return False
        type_ = field_.get("type")
        if field_.string("name") is None or type_ is None:
            return self._wrong(field_, "a field of an Avro record has `name` and `type`")
        return self._check(type_, namespace)

    def _check_name(self, node: Node, name: str, namespace: str) -> bool:
        if name in _PRIMITIVES or self.named(name, namespace) is not None:
            return True
        if "." in name:
            self._diagnostics.add(
                "avro-reference",
                f"the Avro type {shown(name)} is not defined in the schema, or not before it",
                node.location,
                "write the type out where it is first used",
            )
            return False
        near = nearest(name, [*_PRIMITIVES, *NAMED, *_COLLECTIONS, *self._names])
        return self._wrong(
            node,
            f"{shown(name)} is no type of Avro",
            f"did you mean {shown(near)}?" if near else "name a type that is defined before it",
        )

    def _wrong(self, node: Node, message: str, help: str = "correct the Avro schema") -> bool:  # noqa: A002 - as in Diagnostic
        self._diagnostics.add("avro-schema", message, node.location, help)
        return False


def full_name(name: object, own: object, namespace: str) -> tuple[str, str]:
    """The namespace and the short name of a named type.

    Args:
        name: its `name`, which may have the namespace in it.
        own: its `namespace`.
        namespace: that of what it stands in.
    """
    given, _, short = (name if isinstance(name, str) else "").rpartition(".")
    if given:
        return given, short
    return (own if isinstance(own, str) else namespace), short


def type_name(schema: object) -> str:
    """The full name of a schema as JSON has it; empty if it has none."""
    if not isinstance(schema, dict):
        return ""
    namespace, short = full_name(schema.get("name"), schema.get("namespace"), "")
    return f"{namespace}.{short}" if namespace else short


def _same(one: Node, other: Node) -> bool:
    return one is other or one.plain() == other.plain()
