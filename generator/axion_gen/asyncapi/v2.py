"""AsyncAPI 2.0 to 2.6 to the contract.

There `publish` is what others may do: the application receives what is published. `subscribe`
is what others may do too: the application sends it.
"""

from collections.abc import Iterator
from typing import Final

from .channels import Channel
from .contract import Operation
from .diagnostics import shown
from .kafka import kafka_binding
from .nodes import Node
from .reading import Reading, last_word
from .traits import merged

_ACTIONS: Final = {"publish": "receive", "subscribe": "send"}
MAX_NESTING: Final = 50
"""How deep a `oneOf` of messages may have another in it."""


class Version2(Reading):
    """Reads one document; its structure has been checked."""

    traits_win = True

    def read_channels(self, root: Node) -> None:
        """Channels, with the messages of both operations, those that come first first."""
        channels = self.documents.resolve(root.get("channels"))
        for address, entry in (channels.mapping if channels is not None else {}).items():
            node = self.documents.resolve(entry)
            if channels is None or node is None:
                continue
            place = channels.key_location(address)
            if node in self.channels.by_node:
                # Two channels that refer to the same one are two topics.
                node = Node(dict(node.mapping), node.location, node.keys)
            channel = self.channels.channel(address, node, address, place)
            for action in node.mapping:
                if action in _ACTIONS:
                    for reference, message in self._messages(node, action):
                        self._read_message(channel, reference, message)

    def read_operations(self, root: Node) -> None:
        """Operations."""
        ids: dict[str, Node] = {}
        for channel in self.channels.by_node.values():
            for action in channel.node.mapping:
                node = self.documents.resolve(channel.node.get(action))
                if action not in _ACTIONS or node is None:
                    continue
                whole = merged(self.documents, self.diagnostics, node, traits_win=True)
                messages = dict.fromkeys(
                    channel.messages[message] for _, message in self._messages(channel.node, action)
                )
                id_ = node.string("operationId")
                if id_ is not None and ids.setdefault(id_, node) is not node:
                    self.structure.invalid(
                        f"there are two operations {shown(id_)}; the other is on line"
                        f" {ids[id_].key_location('operationId').line}",
                        node.key_location("operationId"),
                        "give one of them another `operationId`",
                    )
                self.operation(
                    Operation(
                        id_ or f"{channel.name}.{action}",
                        self.seen(_ACTIONS[action]),
                        self.channels.topics[channel],
                        tuple(messages),
                        node.location,
                    ),
                    kafka_binding(self.documents, whole),
                )

    def read_components(self, components: Node) -> None:
        """What is described and not used is checked all the same."""
        for name, message in self.resolved(components, "messages").items():
            for _, one in self._flat(message, name, 0):
                self.messages.read(one, name, used=False)

    def _messages(self, channel: Node, action: str) -> Iterator[tuple[str | None, Node]]:
        """The messages of an operation, and what the references to them call them."""
        operation = self.documents.resolve(channel.get(action))
        message = operation.get("message") if operation is not None else None
        if message is not None:
            yield from self._flat(message, None, 0)

    def _flat(self, node: Node, name: str | None, depth: int) -> Iterator[tuple[str | None, Node]]:
        """A message, or those of its `oneOf`."""
        name = last_word(node.string("$ref")) or name
        message = self.documents.resolve(node)
        if message is None or not isinstance(message.value, dict):
            return
        one_of = message.get("oneOf")
        if one_of is None:
            yield name, message
        elif depth < MAX_NESTING:
            for item in one_of.items:
                yield from self._flat(item, None, depth + 1)

    def _read_message(self, channel: Channel, referred: str | None, node: Node) -> None:
        """Read a message, unless it is known.

        It is called by its `name`, its `messageId`, what a reference calls it, or its topic; a
        second one that would be called by the topic has its number behind it.
        """
        if node in channel.messages:
            return
        whole = self.messages.merged(node)
        name = whole.string("messageId") or referred
        if name is None and not whole.string("name"):
            name = channel.name.replace("{", "").replace("}", "")
            taken = sum(
                message.name == name or message.name.startswith(f"{name}.")
                for message in channel.messages.values()
            )
            if taken:
                name = f"{name}.{taken + 1}"
                self.diagnostics.add(
                    "message-unnamed",
                    f"this message of {shown(channel.id)} has no name: it is called"
                    f" {shown(name)}, by its place",
                    node.location,
                    "give it a `name`",
                )
        channel.messages[node] = self.messages.read(node, name or "")
