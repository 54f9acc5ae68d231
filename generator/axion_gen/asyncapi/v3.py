"""AsyncAPI 3.0 and 3.1 to the contract: channels, operations, messages, replies."""

from .channels import Channel
from .contract import Message, Operation, Reply
from .diagnostics import shown
from .kafka import kafka_binding
from .nodes import Node
from .reading import Reading, last_word
from .traits import merged


class Version3(Reading):
    """Reads one document; its structure has been checked."""

    traits_win = False

    def read_channels(self, root: Node) -> None:
        """Channels, with their messages."""
        for id_, node in self.resolved(root, "channels").items():
            channel = self.channels.channel(
                id_, node, node.string("address"), node.key_location("address")
            )
            for name, message in self.resolved(node, "messages").items():
                channel.messages[message] = self.messages.read(message, name)

    def read_operations(self, root: Node) -> None:
        """Operations, with their replies."""
        for id_, node in self.resolved(root, "operations").items():
            action = {"send": "send", "receive": "receive"}.get(node.string("action") or "")
            channel = self._channel(node)
            if channel is None or action is None:
                continue
            whole = merged(self.documents, self.diagnostics, node, traits_win=False)
            messages = self._chosen(node, channel.messages)
            reply = self._reply(node, channel)
            self.operation(
                Operation(
                    id_, self.seen(action), self.channels.topics[channel], messages,
                    node.location, reply,
                ),
                kafka_binding(self.documents, whole),
            )  # fmt: skip

    def read_components(self, components: Node) -> None:
        """What is described and not used is checked all the same."""
        for name, message in self.resolved(components, "messages").items():
            self.messages.read(message, name, used=False)

    def _channel(self, node: Node) -> Channel | None:
        """The channel that an operation or a reply refers to."""
        reference = node.get("channel")
        target = self.documents.resolve(reference)
        if reference is None or target is None:
            return None
        channel = self.channels.by_node.get(target)
        if channel is None:
            self.structure.invalid(
                "`channel` is not one of the document's `channels`",
                reference.location,
                "refer to it as `$ref: '#/channels/…'`",
            )
        return channel

    def _chosen(self, node: Node, known: dict[Node, Message]) -> tuple[Message, ...]:
        """The messages that are named; all there are where nothing is said of them."""
        if "messages" not in node.mapping:
            return tuple(known.values())
        chosen: list[Message] = []
        for reference in node.mapping["messages"].items:
            target = self.documents.resolve(reference)
            if target is None:
                continue
            message = known.get(target)
            if message is None:
                self.diagnostics.add(
                    "foreign-message",
                    "the operation names a message that its channel does not carry",
                    reference.location,
                    "add it to the channel's `messages` and refer to it there",
                )
            else:
                chosen.append(message)
        return tuple(chosen)

    def _reply(self, node: Node, request: Channel) -> Reply | None:
        reply = self.documents.resolve(node.get("reply"))
        if reply is None:
            return None
        address = self.documents.resolve(reply.get("address"))
        location = address.string("location") if address is not None else None
        channel = self._channel(reply)
        if channel is None:
            if "channel" in reply.mapping:
                return None
            messages = self._described(reply, request)
            return Reply(None, messages, location, reply.location)
        messages = self._chosen(reply, channel.messages)
        if location is not None and channel.address is None and channel.binding.topic is None:
            # Only the request knows the topic.
            self.named_elsewhere.add(channel)
            return Reply(None, messages, location, reply.location)
        topic = self.channels.topics[channel]
        return Reply(topic, messages, location, reply.location)

    def _described(self, reply: Node, request: Channel) -> tuple[Message, ...]:
        """The messages of a reply without a channel: those of the request's, or any others."""
        found: list[Message] = []
        listed = reply.get("messages")
        for reference in listed.items if listed is not None else ():
            node = self.documents.resolve(reference)
            if node is not None and node in request.messages:
                found.append(request.messages[node])
            elif node is not None:
                name = last_word(reference.string("$ref")) or f"{shown(request.id)} reply"
                found.append(self.messages.read(node, name))
        return tuple(found)
