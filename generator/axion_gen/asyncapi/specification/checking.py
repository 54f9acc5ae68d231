"""Holding a document to the tables: every object in it, used or not, in every file."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..diagnostics import shown
from ..documents import Documents
from ..nodes import Node
from ..structure import Structure, described
from .kinds import (
    NULL,
    Choice,
    Either,
    Kind,
    ListOf,
    MapOf,
    Object,
    Reference,
    Tagged,
    Whole,
    expected_of,
    has_type,
)


@dataclass(slots=True)
class Checker:
    """Checks nodes against kinds; no place is checked twice as the same kind."""

    documents: Documents
    structure: Structure
    _seen: set[tuple[Node, int]] = field(default_factory=set)
    _waiting: deque[tuple[Node, Kind, str]] = field(default_factory=deque)

    def check(self, node: Node, expected: Kind, what: str) -> None:
        """Diagnose what is wrong with a value and with all below it.

        No recursion: what is below waits in a list, however long a chain of references is.
        """
        self._waiting.append((node, expected, what))
        while self._waiting:
            node, expected, what = self._waiting.popleft()
            if isinstance(expected, Object | Tagged | MapOf | ListOf):
                self._collection(node, expected, what)
            else:
                self._scalar(node, expected, what)

    def _collection(self, node: Node, expected: Kind, what: str) -> None:
        resolved = self.documents.resolve(node)
        if resolved is None or (resolved, id(expected)) in self._seen:
            return
        self._seen.add((resolved, id(expected)))
        match expected:
            case Object():
                self._object(resolved, expected)
            case Tagged():
                self._tagged(resolved, expected)
            case MapOf(value, keys):
                entries = self.structure.entries(resolved, what)
                if keys is not None:
                    self._keys(resolved, [key for key in entries if not keys.fullmatch(key)])
                for key, entry in entries.items():
                    self._waiting.append((entry, value, shown(key)))
            case ListOf(item):
                for entry in self.structure.items(resolved, what):
                    self._waiting.append((entry, item, f"an item of {what}"))

    def _scalar(self, node: Node, expected: Kind, what: str) -> None:
        match expected:
            case Either(kinds):
                self._either(node, kinds, what)
            case Reference():
                self._reference(node, what)
            case _ if not has_type(node, expected):
                self.structure.wrong_type(node, what, expected_of(expected))
            case Choice(choices) if node.value not in choices:
                self.structure.invalid(
                    f"{what} is {described(node)}", node.location, f"write {_or(choices)}"
                )
            case Whole():
                self._whole(node, expected, what)

    def _whole(self, node: Node, expected: Whole, what: str) -> None:
        value = node.value
        if not isinstance(value, int | float):
            return
        low, high = expected.least, expected.most
        if value % 1 or (low is not None and value < low) or (high is not None and value > high):
            bounds = "" if low is None else f" from {low}"
            bounds += "" if high is None else f" to {high}"
            self.structure.invalid(
                f"{what} is {described(node)}, not a whole number{bounds}",
                node.location,
                f"write a whole number{bounds}",
            )

    def _either(self, node: Node, kinds: tuple[Kind, ...], what: str) -> None:
        fitting = next((one for one in kinds if has_type(node, one)), None)
        if fitting is not None:
            self._waiting.append((node, fitting, what))
        else:
            named = dict.fromkeys(expected_of(one) for one in kinds if one is not NULL)
            self.structure.wrong_type(node, what, " or ".join(named))

    def _object(self, node: Node, expected: Object) -> None:
        if not self.structure.is_mapping(node, expected.what):
            return
        if not expected.open:
            self.structure.fields(node, expected.what, expected.fields)
        for name in expected.required:
            if name not in node.mapping:
                self.structure.missing(node, name)
        for name, entry in node.mapping.items():
            if name in expected.fields:
                self._waiting.append((entry, expected.fields[name], f"`{name}`"))
        for rule in expected.rules:
            rule(self.structure, node)

    def _tagged(self, node: Node, expected: Tagged) -> None:
        if not self.structure.is_mapping(node, expected.what):
            return
        tag = node.get(expected.field)
        if tag is None:
            self.structure.missing(node, expected.field)
        elif tag.text is not None and tag.text in expected.objects:
            self._waiting.append((node, expected.objects[tag.text], expected.what))
        else:
            self.structure.invalid(
                f"`{expected.field}` is {described(tag)}",
                tag.location,
                f"write {_or(expected.objects)}",
            )

    def _reference(self, node: Node, what: str) -> None:
        if node.reference is not None:
            self.documents.resolve(node)
        elif self.structure.is_mapping(node, what):
            self.structure.invalid(
                f"{what} is no reference", node.location, "write it as `$ref: '#/…'`"
            )

    def _keys(self, node: Node, odd: list[str]) -> None:
        """Keys outside the specification's alphabet: harmless to us, unless `$ref` ends there."""
        for key in odd:
            if "#" in key:
                self.structure.invalid(
                    f"the key {shown(key)} has a `#`, which no `$ref` can hold",
                    node.key_location(key),
                    "use letters, digits, `.`, `_` and `-`",
                )
        odd = [key for key in odd if "#" not in key]
        if odd:
            others = f", and {len(odd) - 1} more here" if len(odd) > 1 else ""
            self.structure.diagnostics.add(
                "component-key",
                f"the key {shown(odd[0])}{others} is not made of what the specification allows",
                node.key_location(odd[0]),
                "use letters, digits, `.`, `_` and `-`: other tools may refuse the document",
            )


def _or(choices: Iterable[str]) -> str:
    return " or ".join(f"`{choice}`" for choice in choices)
