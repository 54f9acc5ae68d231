"""The Kafka binding of a channel (specification of the bindings, `kafka`, 0.5.0)."""

from dataclasses import dataclass
from typing import Final

from .nodes import Node
from .structure import Structure

_CHANNEL: Final = ("topic", "partitions", "replicas", "topicConfiguration", "bindingVersion")


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """What the binding says of the topic."""

    topic: str | None = None
    """The topic's name, where it is not the channel's address."""
    partitions: int = 1
    replicas: int = 1


def channel_binding(structure: Structure, node: Node | None) -> ChannelBinding:
    """Read the binding; what it does not say has its default."""
    if node is None or not structure.is_mapping(node, "the Kafka binding"):
        return ChannelBinding()
    structure.fields(node, "the Kafka binding", _CHANNEL)
    structure.text(node, "bindingVersion")
    return ChannelBinding(
        topic=structure.text(node, "topic"),
        partitions=structure.whole_number(node, "partitions", 1),
        replicas=structure.whole_number(node, "replicas", 1),
    )
