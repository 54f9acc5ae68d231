"""AsyncAPI 2.0 to 2.6 to the contract.

There `publish` is what others may do: the application receives what is published. `subscribe`
is what others may do too: the application sends it.
"""

from collections.abc import Iterator
from typing import Final

from .channels import Channel
from .contract import Operation
from .diagnostics import Diagnostics, nearest, shown
from .documents import Documents
from .kafka import kafka_binding
from .nodes import Node
from .reading import Perspective, Reading, last_word
from .traits import merged

_ACTIONS: Final = {"publish": "receive", "subscribe": "send"}


class Version2(Reading):
    """Reads one document; its structure has been checked."""

    traits_win = True

    def __init__(
        self, documents: Documents, diagnostics: Diagnostics, perspective: Perspective
    ) -> None:
        super().__init__(documents, diagnostics, perspective)
        self._ids: dict[tuple[str, str], Node] = {}
        """What has an id, by the key of the id and the id."""

    def read_channels(self, root: Node) -> None:
        """Channels, with the messages of both operations, those that come first first."""
        channels = self.documents.resolve(root.get("channels"))
        for address, entry in (channels.mapping if channels is not None else {}).items():
            node = self.documents.resolve(entry)
            if channels is None or node is None:
                continue
            self._check_servers(root, node)
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
        for channel in self.channels.by_node.values():
            for action in channel.node.mapping:
                node = self.documents.resolve(channel.node.get(action))
                if action not in _ACTIONS or node is None:
                    continue
                whole = merged(self.documents, self.diagnostics, node, traits_win=True)
                messages = dict.fromkeys(
                    channel.messages[message] for _, message in self._messages(channel.node, action)
                )
                id_ = self._unique("operationId", node)
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
            for _, one in self._flat(message, name):
                self._unique("messageId", one)
                self.messages.read(one, name, used=False)

    def _check_servers(self, root: Node, channel: Node) -> None:
        listed, servers = channel.get("servers"), self.documents.resolve(root.get("servers"))
        known = servers.mapping if servers is not None else {}
        for item in listed.items if listed is not None else ():
            if item.text is not None and item.text not in known:
                near = nearest(item.text, known)
                self.structure.invalid(
                    f"there is no server {shown(item.text)}",
                    item.location,
                    f"did you mean {shown(near)}?" if near else "name one of `servers`",
                )

    def _unique(self, key: str, node: Node) -> str | None:
        """The id that a thing has at a key, and no other thing."""
        id_ = node.string(key)
        if id_ is None:
            return None
        first = self._ids.setdefault((key, id_), node)
        if first is not node:
            self.structure.invalid(
                f"`{key}` is {shown(id_)}, as on line {first.key_location(key).line}: it is to be"
                " one thing's alone",
                node.mapping[key].location,
                f"give one of the two another `{key}`",
            )
        return id_

    def _messages(self, channel: Node, action: str) -> Iterator[tuple[str | None, Node]]:
        """The messages of an operation, and what the references to them call them."""
        operation = self.documents.resolve(channel.get(action))
        message = operation.get("message") if operation is not None else None
        if message is not None:
            yield from self._flat(message, None)

    def _flat(self, node: Node, name: str | None) -> Iterator[tuple[str | None, Node]]:
        """A message, or those of its `oneOf` and of theirs, each once."""
        waiting, seen = [(node, name)], set[Node]()
        while waiting:
            node, name = waiting.pop()
            name = last_word(node.string("$ref")) or name
            message = self.documents.resolve(node)
            if message is None or message in seen or not isinstance(message.value, dict):
                continue
            seen.add(message)
            one_of = message.get("oneOf")
            if one_of is None:
                yield name, message
            else:
                waiting.extend((item, None) for item in reversed(one_of.items))

    def _read_message(self, channel: Channel, referred: str | None, node: Node) -> None:
        """Read a message, unless it is known.

        It is called by its `name`, its `messageId`, what a reference calls it, or its topic; a
        second one that would be called by the topic has its number behind it.
        """
        if node in channel.messages:
            return
        self._unique("messageId", node)
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
