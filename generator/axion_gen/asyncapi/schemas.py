"""The schemas of a document: found, resolved, each read once in the format it is written in.

What is kept of a schema is what becomes a Python type. Everything else stays behind: no
keyword that some tool gives a meaning of its own ever reaches one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from .avro import AvroReader
from .contract import Definition, Schema
from .diagnostics import Diagnostics, shown
from .discriminators import with_children
from .documents import Documents
from .json_schema import Dialect, JsonSchemaReader
from .nodes import Node
from .structure import Structure

_POINTER_WORDS: Final = frozenset(
    {"payload", "schema", "schemas", "items", "properties", "definitions", "$defs", "allOf"}
    | {"anyOf", "oneOf"}
)
_KNOWN: Final = ("protobuf", "raml")


@dataclass(slots=True)
class Schemas:
    """The schemas of a document. Each place that is referred to is one schema, read once."""

    documents: Documents
    diagnostics: Diagnostics
    found: dict[str, Schema] = field(default_factory=dict)
    """By id, as they are written; `all` has those that inherit from another one with it."""
    _ids: dict[Node, str] = field(default_factory=dict)
    _waiting: list[tuple[str, Callable[[], Definition]]] = field(default_factory=list)
    _json: JsonSchemaReader = field(init=False)
    _avro: AvroReader = field(init=False)

    def __post_init__(self) -> None:
        self._json = JsonSchemaReader(self)
        self._avro = AvroReader(self)

    def add(
        self, node: Node, name: str, *, format_: Node | None = None, used: bool = True
    ) -> str | None:
        """Read a schema and all that it refers to; its id, or None if it cannot be read.

        Args:
            node: the schema, a reference to one, or one in a Multi Format Schema Object.
            name: what to call it, if no reference names it otherwise.
            format_: the `schemaFormat` that stands elsewhere: beside the payload, in 2.x.
            used: whether something needs it; what is not needed may be in any format.
        """
        id_ = self.refer(node, name, Dialect.DRAFT_7, format_=format_, used=used)
        while self._waiting:
            waiting, read = self._waiting.pop()
            self.found[waiting] = replace(self.found[waiting], definition=read())
        return id_

    def all(self) -> Mapping[str, Schema]:
        """All schemas; one with a `discriminator` knows those that inherit from it."""
        return with_children(self.found)

    # for the readers of formats

    @property
    def structure(self) -> Structure:
        """Typed access to the parts of a schema."""
        return Structure(self.diagnostics)

    def place(self, node: Node, name: str, read: Callable[[], Definition]) -> str:
        """The id of a schema that is read later, so that schemas may go round in circles."""
        if node not in self._ids:
            self._ids[node] = id_ = str(len(self._ids))
            # A place is kept for it, so that the order is that of first mention.
            self.found[id_] = Schema(id_, name, {}, node.location)
            self._waiting.append((id_, read))
        return self._ids[node]

    def refer(
        self,
        node: Node,
        name: str,
        dialect: Dialect,
        *,
        format_: Node | None = None,
        used: bool = True,
    ) -> str | None:
        """The id of a schema, or of what a reference to one leads to; it is read later."""
        called = _named(node.string("$ref"), name)
        resolved = self.documents.resolve(node)
        if resolved is not None and _is_multi_format(resolved):
            format_, inner = resolved.get("schemaFormat"), resolved.get("schema")
            assert inner is not None  # noqa: S101 - it was asked for just now
            if inner.reference is not None:
                return self.refer(inner, called, dialect, format_=format_, used=used)
            resolved = inner
        if resolved is None:
            return None
        place = resolved
        if format_ is not None:
            if format_.text is not None and "avro" in format_.text:
                return self._avro.refer(place, called)
            dialect_ = self._dialect(format_, used=used)
            if dialect_ is None:
                return None
            dialect = dialect_
        return self.place(place, called, lambda: self._json.definition(place, dialect))

    def _dialect(self, format_: Node, *, used: bool) -> Dialect | None:
        """The JSON Schema that a `schemaFormat` means; None, diagnosed, if it is none."""
        text = format_.text
        if text is None:
            self.structure.wrong_type(format_, "`schemaFormat`", "text")
            return None
        type_, _, parameters = text.partition(";")
        essence = type_.strip().lower().partition("+")[0]
        if essence == "application/vnd.aai.asyncapi":
            return Dialect.DRAFT_7
        if essence == "application/schema":
            return Dialect.DRAFT_2020_12 if _is_recent(parameters) else Dialect.DRAFT_7
        if essence == "application/vnd.oai.openapi":
            return Dialect.DRAFT_2020_12 if "3.1" in parameters else Dialect.OPENAPI_3_0
        if used or not any(word in text for word in _KNOWN):
            self.diagnostics.add(
                "unsupported-schema-format",
                f"schemas in the format {shown(text)} are not supported",
                format_.location,
                "write the schema as JSON Schema or Avro",
            )
        return None


def _is_multi_format(node: Node) -> bool:
    """Whether it is a schema with its format beside it, as 3.x has them."""
    return node.get("schema") is not None and node.get("schemaFormat") is not None


def _is_recent(parameters: str) -> bool:
    return any(draft in parameters for draft in ("2019-09", "2020-12"))


def _named(reference: str | None, name: str) -> str:
    """A schema's name: the last telling word of the reference to it, or the file's."""
    if reference is None:
        return name
    file, _, pointer = reference.partition("#")
    if pointer and not pointer.startswith("/"):
        return unquote(pointer)  # an `$anchor`
    for token in reversed(unquote(pointer).split("/")[1:]):
        word = token.replace("~1", "/").replace("~0", "~")
        if word not in _POINTER_WORDS and not word.isdigit():
            return word
    return PurePosixPath(unquote(file)).name.partition(".")[0] or name or "schema"
