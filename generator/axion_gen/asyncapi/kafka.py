"""The Kafka bindings of channels, operations and messages (specification of them, 0.1 to 0.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .diagnostics import Diagnostics, shown
from .documents import Documents
from .nodes import Node

_FOUR_BYTES: Final = ("confluent", "4")
"""How a binding says that the id is the one of Confluent's serializers."""
_SUBJECTS: Final = {
    "TopicNameStrategy": "{topic}-value",
    "TopicRecordNameStrategy": "{topic}-{record}",
    "RecordNameStrategy": "{record}",
}
"""What a schema is registered under, by the names of Confluent's strategies."""


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """What the binding says of the topic."""

    topic: str | None = None
    """The topic's name, where it is not the channel's address."""
    partitions: int = 1
    replicas: int = 1
    configuration: Mapping[str, str] = field(default_factory=dict)


def kafka_binding(documents: Documents, node: Node) -> Node:
    """The Kafka binding of an object; empty where it has none."""
    bindings = documents.resolve(node.get("bindings"))
    binding = documents.resolve(bindings.get("kafka")) if bindings is not None else None
    return binding or Node({}, node.location)


def channel_binding(documents: Documents, channel: Node) -> ChannelBinding:
    """Read the binding; what it does not say has its default."""
    node = kafka_binding(documents, channel)
    configuration = documents.resolve(node.get("topicConfiguration"))
    return ChannelBinding(
        topic=node.string("topic") or None,
        partitions=_count(node, "partitions"),
        replicas=_count(node, "replicas"),
        configuration={
            name: _setting(entry)
            for name, entry in (configuration.mapping if configuration else {}).items()
            if not name.startswith("x-") and entry.value is not None
        },
    )


def only_value(documents: Documents, schema: Node | None) -> str | None:
    """The one text that a schema of `groupId` or `clientId` allows, else its default."""
    schema = documents.resolve(schema)
    if schema is None:
        return None
    choices = schema.get("enum")
    if choices is not None and len(choices.items) == 1:
        return choices.items[0].text
    return schema.string("const") or schema.string("default")


def schema_registry(documents: Documents, root: Node) -> bool:
    """Whether a server of the document has a schema registry."""
    servers = documents.resolve(root.get("servers"))
    resolved = [documents.resolve(entry) for entry in (servers.mapping if servers else {}).values()]
    return any(
        server is not None and "schemaRegistryUrl" in kafka_binding(documents, server).mapping
        for server in resolved
    )


def is_framed(binding: Node, diagnostics: Diagnostics, *, registry: bool) -> bool:
    """Whether a message's Avro follows a zero byte and its schema's id, of four bytes.

    Args:
        binding: the message's.
        diagnostics: an id that stands elsewhere, or is longer, is added here.
        registry: whether there are ids at all, as far as is known.
    """
    where = binding.string("schemaIdLocation")
    encoding = binding.get("schemaIdPayloadEncoding")
    if where == "payload":
        if encoding is not None and str(encoding.value) not in _FOUR_BYTES:
            diagnostics.add(
                "unsupported-schema-id",
                f"ids of schemas in the encoding {shown(str(encoding.value))} are not supported",
                encoding.location,
                "write `confluent`, if they have four bytes behind a zero byte",
            )
        return True
    if where == "header" or registry:
        diagnostics.add(
            "schema-id",
            "the id of the message's schema is neither written nor read"
            + (": it is in a header" if where else ": the document does not say where it is"),
            binding.key_location("schemaIdLocation"),
            "write `schemaIdLocation: payload` in its Kafka binding, if that is where it is",
        )
    return False


def subject(binding: Node, record: str, diagnostics: Diagnostics) -> str:
    """What a message's schema is registered under; `{topic}` stands for its topic.

    Args:
        binding: the message's.
        record: the full name of the schema; empty if it has none.
        diagnostics: a strategy that is not known is added here.
    """
    named = binding.string("schemaLookupStrategy")
    if named is None:
        return _SUBJECTS["TopicNameStrategy"]
    found = _SUBJECTS.get(named.rpartition(".")[2])
    if found is None or ("{record}" in found and not record):
        diagnostics.add(
            "schema-subject",
            f"the schema is registered under its topic's name, not by {shown(named)}"
            + (": it has no name of its own" if found else ""),
            binding.key_location("schemaLookupStrategy"),
            f"write one of {', '.join(_SUBJECTS)}",
        )
        return _SUBJECTS["TopicNameStrategy"]
    return found.replace("{record}", record)


def _count(node: Node, key: str) -> int:
    entry = node.get(key)
    value = entry.value if entry is not None else None
    return value if isinstance(value, int) and value is not True and value >= 1 else 1


def _setting(node: Node) -> str:
    """A value as Kafka's own tools write it."""
    value = node.value
    if isinstance(value, tuple):
        return ",".join(_setting(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
