"""Documents of other projects: generated, and their payloads as they stand, for the tests."""

import csv
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from axion_gen.asyncapi import Contract, Diagnostics, read_contract
from axion_gen.asyncapi.documents import Documents
from axion_gen.asyncapi.nodes import Node
from axion_gen.asyncapi.rules import Severity
from axion_gen.render import render

FORMATS = ("date", "date-time", "time", "duration", "uuid")
NESTED = ("allOf", "anyOf", "oneOf")
DEPTH = 4
"""How often a reference is followed into itself."""


def documents(corpus: Path) -> list[Path]:
    """The valid documents; the other files are what they refer to."""
    with (corpus / "INDEX.tsv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t")]
    return [corpus / name for name in names if name.startswith("valid/")]


@dataclass(frozen=True)
class Outcome:
    """What came of a document."""

    contract: Contract | None
    files: dict[str, str]
    errors: tuple[str, ...]
    """The ids of the rules that it breaks."""


def outcome(corpus: Path, document: Path) -> Outcome:
    """Read a document and generate its package, with the runtime of this repository."""
    diagnostics = Diagnostics()
    folder = corpus / "valid" / document.relative_to(corpus / "valid").parts[0]
    contract = read_contract(document, diagnostics, within=folder if folder.is_dir() else None)
    files = render(contract, Path("bus"), diagnostics) if contract is not None else None
    errors = {f.rule for f in diagnostics if f.severity is Severity.ERROR}
    sources = {
        name: text.replace("from .runtime", "from axion_gen.runtime").replace(
            "from . import runtime", "from axion_gen import runtime"
        )
        for name, text in (files or {}).items()
        if name.endswith(".py") and not name.startswith("runtime/")
    }
    return Outcome(contract, sources, tuple(sorted(errors)))


def package(folder: Path, name: str, files: dict[str, str]) -> Path:
    """Write a generated package."""
    bus = folder / name
    bus.mkdir()
    for path, text in files.items():
        (bus / path).write_text(text, encoding="utf-8")
    return bus


def imported(folder: Path, name: str, module: str = "messages") -> ModuleType:
    """A module of a package that was written below a folder."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(f"{name}.{module}")
    finally:
        sys.path.remove(str(folder))


class Payloads:
    """The schemas of payloads as they stand in a document, for tools that know JSON Schema."""

    def __init__(self, contract: Contract, within: Path) -> None:
        self._documents = Documents(contract.sources[0].path, Diagnostics(), within)
        self._places: dict[tuple[Path, int, int], Node] = {}
        root = self._documents.root()
        assert root is not None
        self.told_by_name = is_told_by_name(root)
        self._seen: set[Path] = set()
        self._index(root)
        self._contract = contract

    def schema(self, id_: str) -> Any:
        """A payload's schema without references; None where it cannot be had."""
        location = self._contract.schemas[id_].location
        node = self._places.get((location.source.path, location.line, location.column))
        return self._plain(node, ()) if node is not None else None

    def _index(self, node: Node) -> None:
        if isinstance(node.value, dict):
            location = node.location
            self._places.setdefault((location.source.path, location.line, location.column), node)
        reference = node.string("$ref")
        if reference is not None and not reference.startswith("#"):
            target = self._documents.resolve(node)
            if target is not None and target.location.source.path not in self._seen:
                self._seen.add(target.location.source.path)
                root = self._documents._read[target.location.source.path]
                assert root is not None
                self._index(root)
        for part in (*node.mapping.values(), *node.items):
            self._index(part)

    def _plain(self, node: Node, within: tuple[Node, ...], *, composed: bool = False) -> object:
        """The schema as JSON Schema means it; None where it goes round in a circle."""
        resolved = self._documents.resolve(node)
        if resolved is None or within.count(resolved) == DEPTH:
            return None
        if resolved.get("schema") and resolved.get("schemaFormat"):
            return self._plain(resolved.mapping["schema"], within)
        if not resolved.mapping:
            return resolved.plain() if isinstance(resolved.value, bool) else {}
        within = (*within, resolved)
        schema: dict[str, object] = {}
        for key, part in resolved.mapping.items():
            if key in ("properties", "patternProperties"):
                properties = {n: self._plain(p, within) for n, p in part.mapping.items()}
                schema[key] = {n: p for n, p in properties.items() if p is not None}
            elif key in NESTED:
                options = [self._option(key, p, resolved, within) for p in part.items]
                schema[key] = [option for option in options if option is not None]
            elif key in PARTS:
                schema |= self._inner(key, part, within)
            elif key in PLAIN:
                schema[key] = part.plain()
        return _finished(schema, resolved, composed=composed)

    def _inner(self, key: str, part: Node, within: tuple[Node, ...]) -> dict[str, object]:
        if part.items:
            return {key: [self._plain(p, within) for p in part.items]}
        inner = self._plain(part, within)
        if inner is not None:
            return {key: inner}
        return {"maxItems": 0} if key == "items" else {}

    def _option(
        self, key: str, part: Node, holder: Node, within: tuple[Node, ...]
    ) -> object | None:
        schema = self._plain(part, within, composed=key == "allOf")
        told_by = holder.get("discriminator")
        if schema is None or told_by is None or key == "allOf":
            return schema
        name = told_by.text or told_by.string("propertyName") or ""
        reference = part.string("$ref") or ""
        mapping = told_by.get("mapping")
        values = [
            v
            for v, target in (mapping.mapping if mapping else {}).items()
            if target.text in (reference, reference.rpartition("/")[2])
        ]
        values = values or [reference.rpartition("/")[2].replace("~1", "/")]
        own = self._documents.resolve(part)
        if own is not None and _says(own, name):
            return schema
        tag = {"properties": {name: {"enum": values}}, "required": [name]}
        return {"allOf": [schema, tag]}


PARTS = ("items", "additionalItems", "additionalProperties", "not", "contains", "propertyNames")
PLAIN = {
    "type", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems",
    "uniqueItems", "minProperties", "maxProperties",
}  # fmt: skip


def _says(node: Node, name: str) -> bool:
    properties = node.get("properties")
    entry = properties.get(name) if properties is not None else None
    return entry is not None and ("const" in entry.mapping or "enum" in entry.mapping)


def _finished(schema: dict[str, object], node: Node, *, composed: bool) -> dict[str, object]:
    if "properties" in schema:
        schema.setdefault("type", "object")
        # What a receiver does not know is dropped: nothing of the kind is made.
        is_open = schema.get("additionalProperties", True) is True
        if is_open and not composed and not schema.keys() & set(NESTED):
            schema["additionalProperties"] = False
    if "items" in schema:
        schema.setdefault("type", "array")
    if node.string("format") in FORMATS and schema.get("type") == "string":
        schema = {"type": "string", "format": node.string("format")}
    pattern = node.string("pattern")
    if pattern is not None and _is_common(pattern):
        schema["pattern"] = re.sub(r"(?<!\\)\$$", r"\\Z", pattern)
    nullable = node.get("nullable")
    if nullable is not None and nullable.value is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def _is_common(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return "(?" not in pattern


def equal(before: object, after: object, known: set[str]) -> bool:
    """Whether what went out is what came in, but for texts that mean the same."""
    if isinstance(before, dict) and isinstance(after, dict):
        missing = before.keys() - after.keys()
        return not missing & known and all(
            key in before and equal(before[key], value, known) for key, value in after.items()
        )
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(
            equal(b, a, known) for b, a in zip(before, after, strict=True)
        )
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    return before == after


def is_told_by_name(node: object) -> bool:
    """Whether something in a document is told apart by a discriminator."""
    if isinstance(node, Node):
        parts = (*node.mapping.values(), *node.items)
        return "discriminator" in node.mapping or any(map(is_told_by_name, parts))
    return False


def names_in(schema: object) -> Iterator[str]:
    """The names of properties in a schema."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for part in schema.values():
            yield from names_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from names_in(part)
