"""YAML 1.2 text to nodes, by its core schema, from the parser's events.

Composing from events takes no recursion, so that nesting can be bounded, and makes an alias
the same node as its anchor, so that a bomb costs nothing until it is unfolded; `Node.size`
knows beforehand what that would be.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from .diagnostics import Location, Source, shown
from .nodes import MAX_DEPTH, MAX_SIZE, Node, ReadError, Scalar, checked_text

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read yet."""

    location: Location
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Location] = field(default_factory=dict)
    merged: list[Node] = field(default_factory=list)
    key: str | None = None
    size: int = 1

    def add(self, node: Node, place: Location, *, plain: bool) -> None:
        """Take the next node, at its place: an item, a key, or the value of the last key."""
        self.size += node.size
        if self.size > MAX_SIZE:
            raise ReadError(
                "too-complex",
                f"the document unfolds to more than {MAX_SIZE:,} values",
                place,
                "aliases (`*name`) of aliases multiply: write out what is meant, or use `$ref`",
            )
        if not self.is_mapping:
            self.items.append(node)
        elif self.key is None:
            self.key = self._checked_key(node, plain=plain)
        elif self.key == "<<":
            self._merge(node)
            self.key = None
        else:
            if node.value is None and plain:  # nothing at all is written; the key is
                node = Node(None, self.keys[self.key])
            self.entries[self.key] = node
            self.key = None

    def close(self) -> Node:
        if not self.is_mapping:
            return Node(tuple(self.items), self.location, size=self.size)
        entries, keys = dict(self.entries), dict(self.keys)
        for node in self.merged:
            for key, value in node.mapping.items():
                entries.setdefault(key, value)
                keys.setdefault(key, node.key_location(key))
        return Node(entries, self.location, keys, self.size)

    def _checked_key(self, node: Node, *, plain: bool) -> str:
        if isinstance(node.value, tuple | dict):
            raise ReadError("syntax", "a key is not text", node.location, "write the key as text")
        key = node.text if node.text is not None else _spelled(node.value)
        if key == "<<" and plain:
            return key
        if key in self.keys:
            raise ReadError(
                "duplicate-key",
                f"the key {shown(key)} is here for the second time; the first is on line"
                f" {self.keys[key].line}",
                node.location,
                "remove one of the two, or rename it",
            )
        self.keys[key] = node.location
        return key

    def _merge(self, node: Node) -> None:
        for source in node.items or (node,):
            if not isinstance(source.value, dict):
                raise ReadError(
                    "syntax",
                    "`<<` merges mappings only",
                    source.location,
                    "give it an alias of a mapping, or a list of such aliases",
                )
            self.merged.append(source)


def read_yaml(source: Source) -> Node:
    """Read a text that is one YAML document.

    Raises:
        ReadError: it is not, has a key twice, or is nested or unfolds beyond the limits.
    """
    start = Location(source, 1, 1)
    composer = _Composer(source)
    try:
        for event in YAML(typ="safe", pure=True).parse(source.text):
            composer.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Location(source, mark.line + 1, mark.column + 1) if mark else start
        problem = " ".join(str(error.problem or error.context or "no YAML").split())
        raise ReadError("syntax", problem, place, "correct the YAML here") from error
    except YAMLError as error:
        problem = " ".join(str(error).split())
        raise ReadError("syntax", problem, start, "correct the YAML") from error
    return composer.root or Node(None, start)


class _Composer:
    """Makes nodes of events; holds the collections that are open, and the anchors so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.documents = 0

    def take(self, event: Any) -> None:  # the parser has no type hints
        place = Location(self.source, event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case MappingStartEvent() | SequenceStartEvent():
                self._start(event, place)
            case MappingEndEvent() | SequenceEndEvent():
                closed = self.open.pop()
                self._add(closed.close(), closed.anchor, closed.location)
            case ScalarEvent():
                plain = event.style in (None, "")
                self._add(Node(_scalar(event, place), place), event.anchor, place, plain=plain)
            case AliasEvent():
                self._add(self._aliased(event.anchor, place), None, place)
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise ReadError("syntax", "a second document", place, "keep one in a file")

    def _start(self, event: Any, place: Location) -> None:
        if len(self.open) == MAX_DEPTH:
            raise ReadError(
                "too-complex",
                f"the document is nested more than {MAX_DEPTH} deep",
                place,
                "name the inner parts under `components` and refer to them",
            )
        self.open.append(_Open(place, event.anchor, isinstance(event, MappingStartEvent)))

    def _aliased(self, anchor: str, place: Location) -> Node:
        if anchor not in self.anchors:
            raise ReadError(
                "syntax",
                f"the alias *{anchor} has no anchor before it",
                place,
                f"set the anchor &{anchor} at what it stands for",
            )
        return self.anchors[anchor]

    def _add(self, node: Node, anchor: str | None, place: Location, *, plain: bool = False) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if self.open:
            self.open[-1].add(node, place, plain=plain)
        else:
            self.root = node


def _scalar(event: ScalarEvent, place: Location) -> Scalar:
    text: str = event.value
    tag = str(event.tag) if event.tag is not None else None
    if tag is None and event.style not in (None, ""):
        return checked_text(text, place)
    if tag is None:
        return _core(text, place)
    kind = tag.removeprefix(_TAG).removeprefix("!!")
    if kind in ("str", "!"):
        return checked_text(text, place)
    value = _core(text, place)
    expected = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(kind)
    if expected is float and type(value) is int:
        return float(value)
    if expected is None or type(value) is not expected:
        raise ReadError(
            "syntax", f"the tag {shown(tag)} means nothing here", place, "remove the tag"
        )
    return value


def _core(text: str, place: Location) -> Scalar:
    """The value of a plain scalar by YAML 1.2's core schema (section 10.3.2)."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    try:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _OCTAL.fullmatch(text):
            return int(text, 0)
        if _HEXADECIMAL.fullmatch(text):
            return int(text, 0)
        number = float(text) if _FLOAT.fullmatch(text) else None
    except ValueError:
        number = float("inf")
    if number in (float("inf"), float("-inf")) or _NOT_JSON.fullmatch(text):
        raise ReadError(
            "syntax", "a number that JSON does not have", place, "quote it if it is meant as text"
        )
    return checked_text(text, place) if number is None else number


def _spelled(value: object) -> str:
    """A key that is no text, as JSON writes it: `200` and `true` are names too."""
    return json.dumps(value)
