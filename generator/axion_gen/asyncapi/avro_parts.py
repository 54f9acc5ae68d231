"""What Avro demands of each part of a schema by itself: names, symbols, sizes, decimals, unions."""

import math
import re
from collections.abc import Iterable
from typing import Final

from .diagnostics import shown
from .documents import Documents
from .nodes import Node

Fault = tuple[Node, str]
"""Where it is, and what is wrong."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DECIMALS: Final = ("bytes", "fixed")
_NAMED: Final = ("record", "error", "enum", "fixed")


def part_fault(node: Node, documents: Documents) -> Fault | None:
    """What is wrong with a schema, but for the schemas in it."""
    if isinstance(node.value, tuple):
        return _union(node, documents)
    type_ = node.string("type")
    found = _name(node) if type_ in _NAMED else None
    if found is not None:
        return found
    if type_ == "enum":
        return _enum(node)
    if type_ in ("record", "error"):
        return _record(node, documents)
    if type_ == "fixed":
        size = node.get("size")
        if size is None or (_whole(size) or 0) < 1:
            return size or node, "an Avro fixed has a `size`, in bytes"
    if type_ in _DECIMALS and node.string("logicalType") == "decimal":
        return _decimal(node)
    return None


def _name(node: Node) -> Fault | None:
    for key in ("namespace", "name"):
        entry = node.get(key)
        text = entry.text if entry is not None else None
        if entry is not None and entry.value is not None and text is None:
            return entry, f"the `{key}` of an Avro type is text"
        if entry is not None and text and not all(map(_NAME.fullmatch, text.split("."))):
            return entry, f"{shown(text)} is no name in Avro: letters, digits and `_`"
    return None


def _enum(node: Node) -> Fault | None:
    symbols = node.get("symbols")
    if symbols is None or not symbols.items or not all(i.text for i in symbols.items):
        return symbols or node, "an Avro enum has `symbols`, a list of texts"
    for item in symbols.items:
        if not _NAME.fullmatch(item.text or ""):
            return item, f"{shown(item.text or '')} is no symbol in Avro: letters, digits and `_`"
    twice = _repeated((item.text or "", item) for item in symbols.items)
    if twice is not None:
        return twice, "an Avro enum has each symbol once"
    default = node.get("default")
    if default is not None and default.text not in [item.text for item in symbols.items]:
        return default, "the default of an Avro enum is one of its symbols"
    return None


def _record(node: Node, documents: Documents) -> Fault | None:
    fields = node.get("fields")
    if fields is None or not isinstance(fields.value, tuple):
        return fields or node, "an Avro record has `fields`, a list"
    found = [documents.resolve(entry) or entry for entry in fields.items]
    names = [entry for field in found if (entry := field.get("name")) is not None and entry.text]
    for name in names:
        if not _NAME.fullmatch(name.text or ""):
            return name, f"{shown(name.text or '')} is no name in Avro: letters, digits and `_`"
    twice = _repeated((name.text or "", name) for name in names)
    return (twice, "an Avro record has each field once") if twice is not None else None


def _decimal(node: Node) -> Fault | None:
    precision, scale = node.get("precision"), node.get("scale")
    digits = _whole(precision)
    if digits is None or digits < 1:
        return precision or node, "an Avro decimal has a `precision`, its digits"
    if scale is not None and not 0 <= (-1 if (s := _whole(scale)) is None else s) <= digits:
        return scale, f"the `scale` of an Avro decimal is from 0 to its precision, {digits}"
    size = _whole(node.get("size"))
    most = math.floor(math.log10(2) * (8 * size - 1)) if size is not None else digits
    if precision is not None and digits > most:
        return precision, f"{size} bytes have no more than {most} digits"
    return None


def _union(node: Node, documents: Documents) -> Fault | None:
    if not node.items:
        return node, "an Avro union has types"
    options = [documents.resolve(item) or item for item in node.items]
    for item, option in zip(node.items, options, strict=True):
        if isinstance(option.value, tuple):
            return item, "an Avro union has no other union directly in it"
    kinds = [(_kind(option), item) for item, option in zip(node.items, options, strict=True)]
    twice = _repeated((kind, item) for kind, item in kinds if kind is not None)
    return (twice, "an Avro union has each type once") if twice is not None else None


def _kind(option: Node) -> str | None:
    """What there may be one of in a union; none: a named type, which has its name."""
    type_ = option.string("type") if option.mapping else option.text
    if option.value is None:
        return "null"
    return None if type_ in _NAMED else type_


def _repeated(entries: Iterable[tuple[str, Node]]) -> Node | None:
    """The first node whose text another one before it has."""
    seen: set[str] = set()
    for text, node in entries:
        if text in seen:
            return node
        seen.add(text)
    return None


def _whole(node: Node | None) -> int | None:
    value = node.value if node is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
