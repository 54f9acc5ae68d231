"""The Kafka bindings of channels, operations and messages (specification of them, 0.1 to 0.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .documents import Documents
from .nodes import Node


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


def is_framed(binding: Node) -> bool:
    """Whether a message's bytes follow the id of its schema in a registry."""
    return binding.string("schemaIdLocation") == "payload"


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
