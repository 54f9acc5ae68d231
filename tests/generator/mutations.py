"""Documents spoiled at random: as trees and as texts."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from axion_gen.asyncapi import Diagnostics
from axion_gen.asyncapi.documents import Documents

SNIPPETS = [
    '"""', "'", '\\', '\n', '\x00', '\u2028', '\u202e', "{{ x }}", "{% raw %}", "{x}", "{", "}",
    "/", "__import__('os').abort()", "class", "None", "self", "__init__", "model_config", "_", "",
    " ", "a-b", "a.b", "3d", "ß", "名", "x" * 300, "../..", "~1", "#", "*", "&a", "<<", "- ", ": ",
    "null", "$ref: '#'", "!!str ", "|", "1e999", "0x1F", "%", '\t', "@",
]  # fmt: skip

WORDS = [
    "type", "enum", "const", "default", "items", "properties", "required", "allOf", "anyOf",
    "oneOf", "not", "discriminator", "additionalProperties", "patternProperties", "propertyNames",
    "contains", "dependencies", "if", "then", "else", "prefixItems", "$defs", "definitions",
    "$ref", "$id", "minimum", "maximum", "exclusiveMinimum", "multipleOf", "minLength",
    "maxLength", "pattern", "format", "minItems", "uniqueItems", "minProperties", "title",
    "description", "examples", "nullable", "readOnly", "deprecated", "x-enum-varnames", "payload",
    "headers", "name", "message", "messages", "messageId", "contentType", "schemaFormat",
    "schema", "traits", "bindings", "kafka", "key", "topic", "partitions", "groupId", "address",
    "parameters", "location", "reply", "channel", "action", "operationId", "publish", "subscribe",
    "correlationId", "x-axion-key", "x-axion-headers", "x-axion-unknown", "asyncapi", "channels",
    "operations", "components", "fields", "symbols", "values", "logicalType", "size", "namespace",
]  # fmt: skip

scalars: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(SNIPPETS),
    st.sampled_from(WORDS),
    st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"]),
    st.sampled_from(["date", "date-time", "time", "uuid", "duration", "int32", "byte", "email"]),
    st.sampled_from([None, True, False, 0, -1, 1, 3, 2**31, 2**64, 10**300, 0.5, -1e308, 5e-324]),
    st.sampled_from([[], {}, [{}], {"a": {}}, [None], ["a", "a"], [[]], {"$ref": "#"}]),
    st.text(st.characters(codec="utf-8"), max_size=8),
).map(copy.deepcopy)


numbers: st.SearchStrategy[Any] = st.sampled_from([0, 1, 2, -1, 0.5, 1e308, 5e-324, 10**300, 2**63])
texts: st.SearchStrategy[Any] = st.one_of(st.sampled_from(SNIPPETS), st.sampled_from(WORDS))
schemas: st.SearchStrategy[Any] = st.deferred(
    lambda: st.one_of(
        st.sampled_from([True, False]),
        st.builds(dict),
        st.fixed_dictionaries({"type": types}),
        st.dictionaries(
            st.sampled_from(sorted(KEYWORDS)), st.none(), min_size=1, max_size=3
        ).flatmap(lambda chosen: st.fixed_dictionaries({key: KEYWORDS[key] for key in chosen})),
    )
)
types: st.SearchStrategy[Any] = st.sampled_from(
    ["string", "integer", "number", "boolean", "array", "object", "null", ["string", "null"], []]
).map(copy.deepcopy)  # it may be changed once more
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    "type": types,
    "enum": st.lists(scalars, min_size=1, max_size=4),
    "const": scalars,
    "default": scalars,
    "format": st.sampled_from(["date", "date-time", "time", "uuid", "duration", "int32", "byte"]),
    "pattern": st.sampled_from(
        ["^a", "(?=x)", "[", "\\d+", "\\p{L}", "(a+)+$", '\'"""', "{{ x }}"]
    ),
    "title": texts,
    "description": texts,
    "discriminator": st.one_of(texts, st.builds(lambda name: {"propertyName": name}, texts)),
    "x-enum-varnames": st.lists(texts, max_size=4),
    "properties": st.dictionaries(texts, schemas, max_size=3),
    "patternProperties": st.dictionaries(texts, schemas, max_size=2),
    "required": st.lists(texts, max_size=3),
    "additionalProperties": schemas,
    "items": st.one_of(schemas, st.lists(schemas, max_size=3)),
    "prefixItems": st.lists(schemas, min_size=1, max_size=3),
    "not": schemas,
    "nullable": st.booleans(),
    "uniqueItems": st.booleans(),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), st.lists(schemas, min_size=1, max_size=3)),
    **dict.fromkeys(("if", "then", "else", "contains", "propertyNames"), schemas),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "multipleOf"), numbers),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), st.sampled_from([0, 1, 9])),
}


def alike(value: Any) -> st.SearchStrategy[Any]:
    """Values of the type of another: most of them pass the first of the checks."""
    if isinstance(value, str):
        return texts
    if isinstance(value, bool) or value is None:
        return st.sampled_from([True, False, None])
    if isinstance(value, int | float):
        return numbers
    return schemas if isinstance(value, dict) else st.lists(st.one_of(texts, schemas), max_size=3)


def tree(document: Path) -> Any:
    """A document without its places; None if it cannot be read."""
    root = Documents(document, Diagnostics()).root()
    return None if root is None else root.plain()


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in a tree but its root."""
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, entry in entries:
        yield (*path, key)
        yield from places(entry, (*path, key))


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path."""
    for key in path:
        value = value[key]
    return value


def pointer(path: tuple[str | int, ...]) -> str:
    """A path as a reference to it."""
    return "#" + "".join(
        "/" + str(key).replace("~", "~0").replace("/", "~1").replace("%", "%25") for key in path
    )


_SCHEMAS = frozenset({"payload", "schemas", "headers", "schema"})

Change = Callable[[st.DrawFn, Any, str | int, Any], object]
"""Changes what a holder has at a key; takes a copy of some other value of the document, too."""


def _named(draw: st.DrawFn) -> str:
    return str(draw(st.one_of(st.sampled_from(WORDS), st.sampled_from(SNIPPETS))))


def _renamed(draw: st.DrawFn, holder: Any, key: str | int, _other: Any) -> None:
    value = holder.pop(key)
    if isinstance(holder, dict):
        holder[_named(draw)] = value


def _added(draw: st.DrawFn, holder: Any, key: str | int, other: Any) -> None:
    if isinstance(holder[key], dict):
        holder[key][_named(draw)] = other
    elif isinstance(holder[key], list):
        holder[key].append(other)


def _keyword(draw: st.DrawFn, holder: Any, key: str | int, _other: Any) -> None:
    if isinstance(holder[key], dict):
        keyword = draw(st.sampled_from(sorted(KEYWORDS)))
        holder[key][keyword] = draw(KEYWORDS[keyword])
    else:
        holder[key] = draw(alike(holder[key]))


def _set(value: Callable[[st.DrawFn, Any, Any], Any]) -> Change:
    def change(draw: st.DrawFn, holder: Any, key: str | int, other: Any) -> None:
        holder[key] = value(draw, holder[key], other)

    return change


CHANGES: list[Change] = [
    lambda _draw, holder, key, _other: holder.pop(key),
    _renamed,
    _added,
    lambda draw, holder, key, _other: _added(draw, holder, key, draw(scalars)),
    _keyword,
    _keyword,
    _set(lambda draw, _old, _other: draw(scalars)),
    _set(lambda draw, old, _other: draw(alike(old))),
    _set(lambda _draw, _old, other: other),
    _set(lambda _draw, old, _other: [old]),
    _set(lambda draw, old, _other: {_named(draw): old}),
]


@st.composite
def spoiled_trees(draw: st.DrawFn, seeds: list[Any]) -> str:
    """A document in JSON with one to five changes somewhere in it."""
    document = copy.deepcopy(seeds[draw(st.integers(0, len(seeds) - 1))])
    # Most of what is changed outside of schemas is refused early, so half stays within them.
    parts = draw(st.sampled_from([frozenset[str](), _SCHEMAS]))
    for _ in range(draw(st.sampled_from([1, 1, 2, 3, 5]))):
        known = [path for path in places(document) if not parts or parts & {*path[:-1]}]
        if not known:
            break
        path, elsewhere = (known[draw(st.integers(0, len(known) - 1))] for _ in range(2))
        other = copy.deepcopy(at(document, elsewhere))
        if draw(st.booleans()):
            other = {"$ref": pointer(elsewhere)}
        draw(st.sampled_from(CHANGES))(draw, at(document, path[:-1]), path[-1], other)
    return json.dumps(document)


@st.composite
def spoiled_texts(draw: st.DrawFn, seeds: list[str]) -> str:
    """A text with one to five pieces cut out, doubled, moved or put in."""
    text = seeds[draw(st.integers(0, len(seeds) - 1))]
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        piece = draw(st.sampled_from(["", text[start:end] * 2, *SNIPPETS]))
        text = text[:start] + piece + text[end:]
    return text
