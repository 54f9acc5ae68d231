"""The named types of Avro schemas: found, checked, and known by their full names."""

from dataclasses import dataclass
from typing import Final

from .avro_parts import part_fault
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
        self._within: dict[str, Node] = {}
        """Those of the schema that is read just now: it has no others."""
        self._read: dict[Node, bool] = {}
        self._open: set[Node] = set()

    def is_avro(self, node: Node) -> bool:
        """Read the named types of a schema; whether it is Avro: what is wrong is diagnosed."""
        if node not in self._read:
            self._within = {}
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
        return self._names.get(_full(name, namespace))

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
        if isinstance(node.value, tuple):
            fits = [self._check(item, namespace) for item in node.items]  # all faults are said
            return all(fits) and self._has_no_fault(node)
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
        return self._check(type_, namespace) and self._has_no_fault(node)

    def _check_named(self, node: Node, type_: str, namespace: str) -> bool:
        namespace, short = full_name(node.string("name"), node.string("namespace"), namespace)
        if not short:
            return self._wrong(node, f"an Avro {type_} has a `name`")
        named = Named(node, namespace, short)
        first = self._within.setdefault(named.full, node)
        if first is not node:
            return _same(first, node) or self._wrong(
                node, f"the Avro type {shown(named.full)} is something else further up"
            )
        known = self._names.setdefault(named.full, named)
        # One that two messages write out in full, each for itself, is one.
        self._places[node] = known if _same(known.node, node) else named
        if not self._has_no_fault(node):
            return False
        fields = node.get("fields")
        fits = [self._check_field(entry, namespace) for entry in fields.items] if fields else []
        return all(fits)

    def _has_no_fault(self, node: Node) -> bool:
        """Whether what it is made of is right, as far as no other schema is needed to say so."""
        found = part_fault(node, self._documents)
        return found is None or self._wrong(*found)

    def _check_field(self, place: Node, namespace: str) -> bool:
        field_ = self._documents.resolve(place)
        if field_ is None:
            return False
        type_ = field_.get("type")
        if field_.string("name") is None or type_ is None:
            return self._wrong(field_, "a field of an Avro record has `name` and `type`")
        return self._check(type_, namespace)

    def _check_name(self, node: Node, name: str, namespace: str) -> bool:
        if name in _PRIMITIVES or _full(name, namespace) in self._within:
            return True
        if "." in name or self.named(name, namespace) is not None:
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


def _full(name: str, namespace: str) -> str:
    return f"{namespace}.{name}" if namespace and "." not in name else name


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
