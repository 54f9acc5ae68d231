"""Channels become topics: one for each name on Kafka."""

from dataclasses import dataclass, field

from .addresses import parameters, topic_name
from .contract import Message, Topic
from .diagnostics import Diagnostics, Location, shown
from .documents import Documents
from .kafka import ChannelBinding, channel_binding
from .messages import description
from .nodes import Node
from .structure import Structure


@dataclass(slots=True, eq=False)
class Channel:
    """A channel of the document."""

    id: str
    node: Node
    address: str | None
    """As the document has it; none where it has none."""
    location: Location
    """Where its address stands."""
    messages: dict[Node, Message] = field(default_factory=dict)
    """By the place where each is defined, which is what operations refer to."""
    binding: ChannelBinding = field(default_factory=ChannelBinding)

    @property
    def name(self) -> str:
        """What its topic is called: by the Kafka binding, else the address, else the id."""
        if self.binding.topic is not None:
            return self.binding.topic
        return topic_name(self.address if self.address is not None else self.id)


@dataclass(slots=True)
class Channels:
    """The channels of one document, and their topics."""

    documents: Documents
    diagnostics: Diagnostics
    by_node: dict[Node, Channel] = field(default_factory=dict)
    topics: dict[Channel, Topic] = field(default_factory=dict)

    def channel(self, id_: str, node: Node, address: str | None, location: Location) -> Channel:
        """Note a channel; its messages are added by the caller."""
        channel = Channel(id_, node, address, location)
        channel.binding = channel_binding(self.documents, node)
        self.by_node.setdefault(node, channel)
        return channel

    def make_topics(self) -> None:
        """Make the topics, once all messages are known."""
        named: dict[str, list[Channel]] = {}
        for channel in self.by_node.values():
            named.setdefault(channel.name, []).append(channel)
        for name, channels in named.items():
            topic = self._topic(name, channels)
            self.topics |= dict.fromkeys(channels, topic)

    def used(self, topics: set[Topic], also: set[Channel]) -> tuple[Topic, ...]:
        """The topics that are used, and a warning for each that is not, or is called otherwise.

        Args:
            topics: those that operations and replies use.
            also: channels that are used, though not as topics of a known name.
        """
        wrong = self.diagnostics.has_errors  # then an operation may be meant to use it
        for channel, topic in self.topics.items():
            if topic in topics:
                self._check_name(channel)
            elif channel not in also and not wrong:
                self.diagnostics.add(
                    "channel-unused",
                    f"no operation uses the channel {shown(channel.id)}; nothing is generated for"
                    " it",
                    channel.location,
                    "add an operation that sends or receives, or remove the channel",
                )
        return tuple(topic for topic in dict.fromkeys(self.topics.values()) if topic in topics)

    def _topic(self, name: str, channels: list[Channel]) -> Topic:
        first = channels[0]
        for other in channels[1:]:
            self.diagnostics.add(
                "topic-duplicate",
                f"the channels {shown(first.id)} and {shown(other.id)} are the same topic,"
                f" {shown(name)}, which carries the messages of both",
                other.location,
                "move the messages of both into one channel",
            )
        messages: dict[tuple[str, str | None] | Message, Message] = {}
        for channel in channels:
            for node, message in channel.messages.items():
                # Described in two places, by one name and one schema, it is one message.
                same = (message.name, message.payload) if message.payload is not None else message
                channel.messages[node] = messages.setdefault(same, message)
        choices = [self._choices(channel.node) for channel in channels]
        return Topic(
            address=name,
            description=next((said for c in channels if (said := description(c.node))), ""),
            messages=tuple(messages.values()),
            partitions=max(channel.binding.partitions for channel in channels),
            replicas=max(channel.binding.replicas for channel in channels),
            foreign_producers=any(foreign for foreign, _ in choices),
            unknown="dead-letter" if any(dead for _, dead in choices) else "skip",
            location=first.location,
            parameters=parameters(
                self.documents, self.diagnostics, name, first.address or name, first.node
            ),
            configuration=first.binding.configuration,
        )

    def _choices(self, node: Node) -> tuple[bool, bool]:
        """Whether others write here, and whether what is unknown is a dead letter."""
        choice = Structure(self.diagnostics).choice
        headers = choice(node, "x-axion-headers", ("optional",), "extension-value")
        unknown = choice(node, "x-axion-unknown", ("skip", "dead-letter"), "extension-value")
        return headers is not None, unknown == "dead-letter"

    def _check_name(self, channel: Channel) -> None:
        if channel.binding.topic is not None:
            return
        if channel.address is None:
            self.diagnostics.add(
                "topic-unnamed",
                f"the channel {shown(channel.id)} has no address: its topic is called"
                f" {shown(channel.name)}, by its id",
                channel.location,
                "give it an `address`, or a `topic` in its Kafka binding",
            )
        elif channel.name != channel.address:
            self.diagnostics.add(
                "topic-renamed",
                f"Kafka has no topic {shown(channel.address)}: it is called {shown(channel.name)}",
                channel.location,
                "give the channel a `topic` in its Kafka binding, if it has another name",
            )
