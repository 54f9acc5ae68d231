"""Messages: with their traits applied, what they are on the wire and what is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .avro import resolved_schema
from .avro_names import type_name
from .contract import Avro, Example, Key, Message
from .diagnostics import Diagnostics, shown
from .documents import Documents
from .kafka import is_framed, kafka_binding, subject
from .nodes import Node
from .plain import plain
from .schemas import Schemas
from .tombstones import takes_null
from .traits import merged

_KEY_PREFIX: Final = "$message.payload#/"
_AVRO: Final = ("application/vnd.apache.avro", "application/avro", "avro/binary")


@dataclass(slots=True)
class Messages:
    """Reads the messages of one document."""

    documents: Documents
    diagnostics: Diagnostics
    schemas: Schemas
    traits_win: bool
    """Whether traits override what a message says itself, as in 2.x."""
    default_content_type: str | None = None
    registry: bool = False
    """Whether a server has a schema registry."""

    def read(self, node: Node, name: str, *, used: bool = True) -> Message:
        """A message.

        Args:
            node: the message, not a reference to it.
            name: what it is called, unless it says so itself.
            used: whether something needs it; what is not needed may be in any format.
        """
        whole = self.merged(node)
        name = whole.string("name") or name
        binding = kafka_binding(self.documents, whole)
        payload, format_ = self._payload(whole)
        avro = self._avro(payload, format_, whole, binding) if used else None
        if used and avro is None and payload is not None and _describes_json(format_):
            self._check_content_type(whole)
        id_ = self._add(whole, name, used=used)
        headers = whole.get("headers")
        if headers is not None:
            self.schemas.add(headers, f"{name} headers", used=False)
        return Message(
            name=name,
            description=description(whole),
            payload=id_,
            key=self._key(whole),
            location=whole.key_location("name") if "name" in node.mapping else node.location,
            key_schema=self._key_schema(binding, name, format_, used=used),
            headers=dict(self._constants(headers)),
            avro=avro,
            tombstone=id_ is not None and takes_null(self.schemas.found, id_),
            correlation=self._correlation(whole),
            examples=tuple(self._examples(whole, payload)),
        )

    def merged(self, node: Node) -> Node:
        """A message with its traits applied."""
        return merged(self.documents, self.diagnostics, node, traits_win=self.traits_win)

    # the payload

    def _payload(self, node: Node) -> tuple[Node | None, str]:
        """The schema of the payload, its reference followed, and the format it is in."""
        format_ = node.string("schemaFormat") or ""
        payload = self.documents.resolve(node.get("payload"))
        if payload is not None and payload.get("schema") and payload.get("schemaFormat"):
            format_ = payload.string("schemaFormat") or ""
            payload = self.documents.resolve(payload.get("schema"))
        return payload, format_

    def _add(self, node: Node, name: str, *, used: bool) -> str | None:
        payload = node.get("payload")
        if payload is None:
            return None
        return self.schemas.add(payload, name, format_=node.get("schemaFormat"), used=used)

    def _avro(self, payload: Node | None, format_: str, node: Node, binding: Node) -> Avro | None:
        """How the payload is Avro on the wire, if it is: the message may say it is JSON."""
        if payload is None or not is_avro(format_) or is_json(node.string("contentType") or "-"):
            return None
        schema = resolved_schema(self.documents, payload)
        if not is_framed(binding, self.diagnostics, registry=self.registry):
            return Avro(schema)
        return Avro(schema, subject(binding, type_name(schema), self.diagnostics))

    def _check_content_type(self, node: Node) -> None:
        content_type = node.string("contentType") or self.default_content_type
        if content_type is not None and not is_json(content_type):
            self.diagnostics.add(
                "content-type",
                f"the content type is {shown(content_type)}, and the payload has a JSON Schema: on"
                " the wire it is JSON",
                node.key_location("contentType"),
                "write `application/json`, if all sides read JSON",
            )

    # what else the record has

    def _key(self, node: Node) -> Key | None:
        entry = node.get("x-axion-key")
        if entry is None:
            return None
        location = entry.location
        text = entry.text or ""
        path = tuple(
            token.replace("~1", "/").replace("~0", "~")
            for token in text.removeprefix(_KEY_PREFIX).split("/")
        )
        if not text.startswith(_KEY_PREFIX) or not all(path):
            self.diagnostics.add(
                "key-expression",
                f"`x-axion-key` {shown(text) if text else 'is no text: it'} names no property",
                location,
                f"write `{_KEY_PREFIX}` and the property's name, as `{_KEY_PREFIX}id`",
            )
            return None
        return Key(path, location)

    def _key_schema(self, binding: Node, name: str, format_: str, *, used: bool) -> str | None:
        key = binding.get("key")
        resolved = self.documents.resolve(key)
        if key is None or resolved is None or resolved.text is not None:
            return None
        is_json_schema = not is_avro(format_) or _is_json_schema(resolved)
        key_format = None if is_json_schema else Node(format_, key.location)
        return self.schemas.add(key, f"{name} key", format_=key_format, used=used)

    def _constants(self, headers: Node | None) -> Iterator[tuple[str, str]]:
        """The headers that have one value only, and it."""
        waiting, seen = [headers], set[Node]()
        while waiting:
            schema = self.documents.resolve(waiting.pop())
            if schema is not None and schema.get("schema") and schema.get("schemaFormat"):
                schema = self.documents.resolve(schema.get("schema"))
            if schema is None or schema in seen:
                continue
            seen.add(schema)
            all_of = schema.get("allOf")
            waiting.extend(all_of.items if all_of is not None else ())
            properties = self.documents.resolve(schema.get("properties"))
            for name, entry in (properties.mapping if properties is not None else {}).items():
                value = self._only_value(entry)
                if value is not None:
                    yield name, value

    def _only_value(self, header: Node) -> str | None:
        schema = self.documents.resolve(header)
        if schema is None:
            return None
        choices = schema.get("enum")
        if choices is not None and len(choices.items) == 1:
            return choices.items[0].text
        return schema.string("const")

    def _correlation(self, node: Node) -> str | None:
        correlation = self.documents.resolve(node.get("correlationId"))
        return correlation.string("location") if correlation is not None else None

    def _examples(self, message: Node, payload: Node | None) -> Iterator[Example]:
        """The examples of a message, else those of the schema of its payload."""
        examples = self.documents.resolve(message.get("examples"))
        found = False
        for number, entry in enumerate(examples.items if examples is not None else (), 1):
            example = self.documents.resolve(entry)
            # Before 2.3 an example was a mapping of anything.
            if example is None or "payload" not in example.mapping:
                continue
            headers = example.get("headers")
            values = plain(self.documents, headers) if headers is not None else {}
            found = True
            yield Example(
                name=example.string("name") or "",
                payload=plain(self.documents, example.mapping["payload"]),
                headers=values if isinstance(values, dict) else {},
                node=example.mapping["payload"],
                number=number,
                summary=example.string("summary") or "",
            )
        if not found and payload is not None:
            values_of = self.documents.resolve(payload.get("examples"))
            for number, node in enumerate(values_of.items if values_of is not None else (), 1):
                yield Example("", plain(self.documents, node), {}, node, number)


def description(node: Node) -> str:
    """What a document says about a thing, the longest word first."""
    for key in ("description", "summary", "title"):
        text = node.string(key)
        if text:
            return text.strip()
    return ""


def is_json(content_type: str) -> bool:
    """Whether a content type is JSON."""
    essence = content_type.partition(";")[0].strip().lower()
    return essence in ("application/json", "text/json") or essence.endswith("+json")


def is_avro(schema_format: str) -> bool:
    """Whether a schema format is Avro's, whatever its version and notation."""
    return schema_format.strip().lower().startswith(_AVRO[:2])


def _describes_json(schema_format: str) -> bool:
    return not schema_format or "json" in schema_format or "asyncapi" in schema_format


def _is_json_schema(node: Node) -> bool:
    types = node.get("type")
    known = {"null", "boolean", "integer", "number", "string", "array", "object"}
    return types is not None and _texts(types) <= known - {"array"} and "fields" not in node.mapping


def _texts(node: Node) -> set[str]:
    return {item.text for item in node.items or (node,) if item.text is not None}
