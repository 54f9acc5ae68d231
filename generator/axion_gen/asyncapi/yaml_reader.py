"""YAML 1.2 text to nodes, by its core schema, from the parser's events.

Composing from events takes no recursion, so that nesting can be bounded, and makes an alias
the same node as its anchor, so that a bomb costs nothing until it is unfolded; `Node.size`
knows beforehand what that would be.
"""

import json
import math
import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from .diagnostics import Location, Source, shown
from .nodes import (
    MAX_DEPTH,
    MAX_SIZE,
    Node,
    ReadError,
    Scalar,
    checked_text,
    too_deep,
    too_large,
)
from .yaml_problems import place_of, problem_of

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FIRST = frozenset("~nNtTfF.+-0123456789")
"""What a plain scalar begins with that is no text."""
_TAG = "tag:yaml.org,2002:"
_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
            raise too_large(
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
        for node in self.merged:
            for key, value in node.mapping.items():
                self.entries.setdefault(key, value)
                self.keys.setdefault(key, node.key_location(key))
        return Node(self.entries, self.location, self.keys, self.size)

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
    places = _Places(source)
    composer = _Composer(places)
    try:
        for event in _events(source.text):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = place_of(error)
        place = places.of(mark) if mark else Location(source, 1, 1)
        if "nesting depth" in str(error.problem):
            raise too_deep(place) from error
        problem, help_ = problem_of(error, source.line(place.line)[place.column - 1 :])
        raise ReadError("syntax", problem, place, help_) from error
    except ReaderError as error:
        problem, wrong = _wrong_character(source.text)
        raise ReadError("syntax", problem, places.at(wrong), "remove it, or escape it") from error
    return composer.root or Node(None, Location(source, 1, 1))


def _events(text: str) -> Iterator[Any]:
    # The parser in C is ten times as fast, and a part of every wheel of PyYAML.
    parser = yaml.CSafeLoader(text) if yaml.__with_libyaml__ else yaml.SafeLoader(text)
    while parser.check_event():
        yield parser.get_event()


def _wrong_character(text: str) -> tuple[str, int]:
    """The first character that YAML forbids, and where it is."""
    wrong = _FORBIDDEN.search(text)
    if wrong is None:
        return "a character that YAML forbids", 0
    return f"the character U+{ord(wrong[0]):04X}, which YAML forbids", wrong.start()


class _Places:
    """Lines and columns as editors count them; the parser knows more ends of lines than they."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.starts: list[int] | None = None
        if _ODD_BREAK.search(source.text):
            self.starts = [0, *(match.end() for match in re.finditer("\n", source.text))]

    def of(self, mark: Any) -> Location:
        """A place the parser names."""
        if self.starts is not None:
            return self.at(mark.index)
        return Location(self.source, mark.line + 1, mark.column + 1)

    def at(self, index: int) -> Location:
        """The place of a character."""
        starts = self.starts or [
            0, *(match.end() for match in re.finditer("\n", self.source.text))
        ]  # fmt: skip
        line = bisect(starts, index)
        return Location(self.source, line, index - starts[line - 1] + 1)


class _Composer:
    """Makes nodes of events; holds the collections that are open, and the anchors so far."""

    def __init__(self, places: _Places) -> None:
        self.places = places
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.documents = 0

    def take(self, event: Any) -> None:  # the parser has no type hints
        place = self.places.of(event.start_mark)
        match event:
            case ScalarEvent():
                plain = event.style in (None, "")
                self._add(Node(_scalar(event, place), place), event.anchor, place, plain=plain)
            case MappingStartEvent() | SequenceStartEvent():
                self._start(event, place)
            case MappingEndEvent() | SequenceEndEvent():
                closed = self.open.pop()
                self._add(closed.close(), closed.anchor, closed.location)
            case AliasEvent():
                self._add(self._aliased(event.anchor, place), None, place)
            case DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise ReadError("syntax", "a second document", place, "keep one in a file")

    def _start(self, event: Any, place: Location) -> None:
        if len(self.open) == MAX_DEPTH:
            raise too_deep(place)
        self.open.append(_Open(place, event.anchor, isinstance(event, MappingStartEvent)))

    def _aliased(self, anchor: str | None, place: Location) -> Node:
        if anchor is None or anchor not in self.anchors:
            raise ReadError(
                "syntax",
                f"the alias {shown(f'*{anchor}')} has no anchor before it",
                place,
                f"set the anchor {shown(f'&{anchor}')} at what it stands for",
            )
        return self.anchors[anchor]

    def _add(self, node: Node, anchor: str | None, place: Location, *, plain: bool = False) -> None:
        if anchor is not None:
            self.anchors[anchor] = node
        if self.open:
            self.open[-1].add(node, place, plain=plain)
        else:
            self.root = node


def _scalar(event: Any, place: Location) -> Scalar:
    text: str = event.value
    tag: str | None = event.tag
    if tag is None and event.style not in (None, ""):
        return checked_text(text, place)
    if tag is None:
        return _core(text, place)
    kind = tag.removeprefix(_TAG)
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
    if text and text[0] not in _FIRST:
        return checked_text(text, place)
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    number: int | float | None = None
    try:
        if _INTEGER.fullmatch(text):
            number = int(text)
        elif _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
            number = int(text, 0)
        elif _FLOAT.fullmatch(text):
            number = float(text)
        too_large_number = number is not None and math.isinf(float(number))
    except (ValueError, OverflowError):
        too_large_number = True
    if too_large_number or _NOT_JSON.fullmatch(text):
        raise ReadError(
            "syntax", "a number that JSON does not have", place, "quote it if it is meant as text"
        )
    return checked_text(text, place) if number is None else number


def _spelled(value: object) -> str:
    """A key that is no text, as JSON writes it: `200` and `true` are names too."""
    return json.dumps(value)
