"""JSON text to nodes. YAML's parser would not take JSON that is indented with tabs."""

import json
import math
import re
from typing import Final

from .diagnostics import Location, Source, shown
from .nodes import MAX_DEPTH, MAX_SIZE, Node, ReadError, Scalar, checked_text, too_deep, too_large

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\.)*+"')  # no way back: long texts cost nothing
_LITERAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null")
_HELP: Final = "correct the JSON here"


def read_json(source: Source) -> Node:
    """Read a text that is one JSON value.

    Raises:
        ReadError: it is not, has a key twice, or is nested beyond the limit.
    """
    reader = _Reader(source)
    root = reader.value(0)
    if reader.peek():
        raise reader.error("more text after the end of the value")
    return root


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.position = 0
        self.line = 1
        self.line_start = 0
        self.size = 0

    def value(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise too_deep(self.place())
        self.size += 1
        if self.size > MAX_SIZE:
            raise too_large(self.place(), "split it: a `$ref` may lead into another file")
        first = self.peek()
        if first == "{":
            return self.object(depth)
        if first == "[":
            return self.array(depth)
        place = self.place()
        return Node(self.string() if first == '"' else self.literal(), place)

    def object(self, depth: int) -> Node:
        place = self.place()
        entries: dict[str, Node] = {}
        keys: dict[str, Location] = {}
        self.position += 1
        while self.peek() != "}":
            if entries:
                self.expect(",")
            if self.peek() != '"':
                raise self.error("a key in double quotes is expected")
            key_place = self.place()
            key = self.string()
            if key in entries:
                raise ReadError(
                    "duplicate-key",
                    f"the key {shown(key)} is here for the second time; the first is on line"
                    f" {keys[key].line}",
                    key_place,
                    "remove one of the two, or rename it",
                )
            keys[key] = key_place
            self.expect(":")
            entries[key] = self.value(depth + 1)
        self.position += 1
        return Node(entries, place, keys, 1 + sum(node.size for node in entries.values()))

    def array(self, depth: int) -> Node:
        place = self.place()
        items: list[Node] = []
        self.position += 1
        while self.peek() != "]":
            if items:
                self.expect(",")
            items.append(self.value(depth + 1))
        self.position += 1
        return Node(tuple(items), place, size=1 + sum(node.size for node in items))

    def string(self) -> str:
        match = _STRING.match(self.text, self.position)
        if match is None:
            raise self.error("a string is not ended on its line")
        try:
            value: str = json.loads(match[0])
        except ValueError as error:
            raise self.error("a string with an escape that JSON does not have") from error
        checked_text(value, self.place())
        self.position = match.end()
        return value

    def literal(self) -> Scalar:
        match = _LITERAL.match(self.text, self.position)
        if match is None:
            raise self.error("a value is expected")
        try:
            value: Scalar = json.loads(match[0])
        except ValueError as error:
            raise self.error("a number with too many digits") from error
        if _is_infinite(value):
            raise self.error("a number that is too large")
        self.position = match.end()
        return value

    def peek(self) -> str:
        """The next character that is not space; empty at the end."""
        end = _SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]  # matches nothing, too
        newline = self.text.rfind("\n", self.position, end)
        if newline >= 0:
            self.line += self.text.count("\n", self.position, end)
            self.line_start = newline + 1
        self.position = end
        return self.text[end : end + 1]

    def expect(self, character: str) -> None:
        if self.peek() != character:
            raise self.error(f"`{character}` is expected")
        self.position += 1

    def place(self) -> Location:
        return Location(self.source, self.line, self.position - self.line_start + 1)

    def error(self, problem: str) -> ReadError:
        return ReadError("syntax", f"no JSON: {problem}", self.place(), _HELP)


def _is_infinite(value: Scalar) -> bool:
    try:
        return isinstance(value, int | float) and math.isinf(float(value))
    except OverflowError:
        return True
