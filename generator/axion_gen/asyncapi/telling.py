"""Messages on one topic told apart without `x-message-type`, which others need not write.

A record is told by headers with one value, then by properties with one value, then by its
being the only message that fits: what the runtime's `telling` does. Here is found out what the
schemas have for that, and whether it is enough.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from .avro_names import type_name
from .contract import Contract, Definition, Message
from .diagnostics import Diagnostics, shown

Path = tuple[str, ...]

OURS: Final = frozenset(
    {
        "x-correlation-id",
        "x-causation-id",
        "x-user-id",
        "x-project-id",
        "x-timestamp",
        "x-message-id",
        "x-message-type",
    }
)
"""The headers that every message carries: they tell nothing here."""
MAX_DEPTH: Final = 4
"""So deep in a payload a value is looked for."""
MAX_STEPS: Final = 5_000
"""So many schemas are looked at for one message, or one pair of them."""
_PREFIX: Final = "#/$defs/"


def check_telling(contract: Contract, diagnostics: Diagnostics) -> None:
    """Where others write who do not know our headers, something else tells messages apart."""
    for topic in contract.topics:
        received = contract.messages(topic, "receive")
        if not topic.foreign_producers:
            continue
        for place, message in enumerate(topic.messages):
            for other in topic.messages[:place]:
                mine = message in received or other in received
                if mine and not _are_told_apart(contract, message, other):
                    diagnostics.add(
                        "messages-ambiguous",
                        f"nothing tells {shown(message.name)} and {shown(other.name)} apart on"
                        f" {shown(topic.address)}, where records need no x-message-type",
                        message.location,
                        "demand a property, or a header, that has a `const` of its own in each of"
                        " them; or give each a topic",
                    )
                    break


def own_headers(message: Message) -> dict[str, str]:
    """The headers with one value that are not ours already."""
    return {name: value for name, value in message.headers.items() if name not in OURS}


def constants(contract: Contract, message: Message) -> dict[Path, tuple[object, ...]]:
    """The values that a payload always has at these paths: a few texts or numbers."""
    if message.payload is None or message.avro is not None:
        return {}
    found = _Reader(contract).constants({"$ref": _PREFIX + message.payload}, 0)
    return {path: tuple(values) for path, values in found.items()}


def _are_told_apart(contract: Contract, one: Message, other: Message) -> bool:
    headers = _tell(own_headers(one), own_headers(other))
    if headers:
        return True
    if one.tombstone and other.tombstone:
        return False
    if one.avro is not None and other.avro is not None:
        framed = one.avro.subject is not None and other.avro.subject is not None
        return framed and type_name(one.avro.schema) != type_name(other.avro.schema)
    if one.avro is not None or other.avro is not None:
        return True
    if one.payload is None or other.payload is None:
        return False
    reader = _Reader(contract)
    first: Definition = {"$ref": _PREFIX + one.payload}
    second: Definition = {"$ref": _PREFIX + other.payload}
    return reader.are_disjoint(first, second, 0)


def _tell(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether no record has the headers of both."""
    if not one or not other:
        return one != other  # one demands what the other does not know
    return any(other.get(name, value) != value for name, value in one.items())


@dataclass(slots=True)
class _Parts:
    """A schema, and all that its `allOf` adds."""

    properties: dict[str, list[Definition]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    unions: list[list[Definition]] = field(default_factory=list)
    types: set[str] | None = None
    """The types that its values may have; none: any."""
    values: list[object] | None = None
    """All values that there are; none: that is not said."""

    def excludes(self, other: "_Parts") -> bool:
        """Whether no value is of the types, or among the values, of both."""
        if self.types is not None and other.types is not None:
            types = _wide(self.types) & _wide(other.types)
            if not types:
                return True
        if self.values is None or other.values is None:
            return False
        return not any(_same(a, b) for a, b in product(self.values, other.values))

    def demands_more(self, other: "_Parts") -> bool:
        """Whether each demands what the other does not know: a record of one lacks that."""
        return (
            not self.unions
            and not other.unions
            and bool(self.required - other.properties.keys())
            and bool(other.required - self.properties.keys())
        )


class _Reader:
    """Reads what schemas say of values, for a bounded number of steps."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._steps = 0

    def constants(self, definition: Definition, depth: int) -> dict[Path, list[object]]:
        """The values at each path; see above."""
        if depth > MAX_DEPTH or self._is_exhausted():
            return {}
        parts = self._parts(definition)
        found: dict[Path, list[object]] = {}
        for name in sorted(parts.required & parts.properties.keys()):
            for part in parts.properties[name]:
                inner = self._parts(part)
                if inner.values is not None and len(inner.values) == 1:
                    found[(name,)] = inner.values
                for path, values in self.constants(part, depth + 1).items():
                    found[(name, *path)] = values
        for union in parts.unions:
            options = [self.constants(part, depth + 1) for part in union if not self._is_null(part)]
            for path in options[0] if options else ():
                if all(path in option for option in options):
                    found[path] = _distinct(v for option in options for v in option[path])
        return {path: values for path, values in found.items() if _all_plain(values)}

    def are_disjoint(self, one: Definition, other: Definition, depth: int) -> bool:
        """Whether a value of one is none of the other, as far as can be seen."""
        if depth > MAX_DEPTH or self._is_exhausted():
            return False
        first, second = self._parts(one), self._parts(other)
        return (
            first.excludes(second)
            or any(
                all(self.are_disjoint(part, other, depth + 1) for part in union)
                for union in first.unions
            )
            or any(
                all(self.are_disjoint(one, part, depth + 1) for part in union)
                for union in second.unions
            )
            or self._have_disjoint_properties(first, second, depth)
            or first.demands_more(second)
        )

    def _have_disjoint_properties(self, first: _Parts, second: _Parts, depth: int) -> bool:
        """Whether a property that one demands is in the other, and never the same."""
        demanded = (first.required | second.required) & first.properties.keys()
        return any(
            self.are_disjoint(a, b, depth + 1)
            for name in sorted(demanded & second.properties.keys())
            for a, b in product(first.properties[name], second.properties[name])
        )

    def _parts(self, definition: Definition) -> _Parts:
        parts = _Parts()
        waiting, seen = [(definition, "")], set[int]()
        while waiting and not self._is_exhausted():
            current, id_ = waiting.pop(0)
            if id(current) in seen:
                continue
            seen.add(id(current))
            target = current.get("$ref")
            if isinstance(target, str):
                inner = target.removeprefix(_PREFIX)
                waiting.append((self._contract.schemas[inner].definition, id_ or inner))
            self._add(parts, current, id_)
            waiting += [(part, id_) for part in _list(current, "allOf")]
        return parts

    def _add(self, parts: _Parts, definition: Definition, id_: str) -> None:
        properties = definition.get("properties")
        for name, part in properties.items() if isinstance(properties, dict) else ():
            parts.properties.setdefault(name, []).append(part)
        required = definition.get("required")
        parts.required |= set(required if isinstance(required, list) else ())
        if not self._is_base(definition, id_):
            unions = (_list(definition, "anyOf"), _list(definition, "oneOf"))
            parts.unions += [union for union in unions if union]
        choices = definition.get("enum")
        values = [definition["const"]] if "const" in definition else choices
        if isinstance(values, list):
            parts.values = values
        types = definition.get("type") or ("object" if "properties" in definition else None)
        if types is None and isinstance(values, list):
            types = sorted({_type(value) for value in values})
        if isinstance(types, str | list):
            found = {types} if isinstance(types, str) else set(types)
            parts.types = found if parts.types is None else parts.types & found
        self._add_discriminator(parts, definition, id_)

    def _add_discriminator(self, parts: _Parts, definition: Definition, id_: str) -> None:
        """What inherits from a schema with a discriminator has its own value there."""
        told_by = definition.get("discriminator")
        if not isinstance(told_by, dict) or not self._is_base(definition, id_):
            return
        own = self._contract.schemas[id_]
        name, mapping = told_by.get("propertyName"), told_by.get("mapping")
        values = [
            value
            for value, target in (mapping.items() if isinstance(mapping, dict) else ())
            if target == _PREFIX + id_
        ] or [own.name]
        declared = [self._parts(part).values for part in parts.properties.get(str(name), ())]
        if all(found is None or set(values) <= set(map(str, found)) for found in declared):
            parts.properties.setdefault(str(name), []).append({"enum": values})
            parts.required.add(str(name))

    def _is_base(self, definition: Definition, id_: str) -> bool:
        """Whether it is a schema with a discriminator that the one of the id inherits from."""
        own = self._contract.schemas.get(id_)
        return (
            "discriminator" in definition and own is not None and own.definition is not definition
        )

    def _is_null(self, definition: Definition) -> bool:
        return self._parts(definition).types == {"null"}

    def _is_exhausted(self) -> bool:
        self._steps += 1
        return self._steps > MAX_STEPS


def _list(definition: Definition, key: str) -> list[Definition]:
    parts = definition.get(key)
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _distinct(values: Iterable[object]) -> list[object]:
    return list({(type(value), value): value for value in values}.values())


def _all_plain(values: Iterable[object]) -> bool:
    return all(value is None or isinstance(value, str | int) for value in values)


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _wide(types: set[str]) -> set[str]:
    return types | {"integer"} if "number" in types else types


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {str: "string", int: "integer", float: "number", type(None): "null", list: "array"}.get(
        type(value), "object"
    )
