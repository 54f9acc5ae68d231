"""AsyncAPI 3.0 to the contract: channels, operations, messages, with their traits merged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from .contract import Contract, Key, Message, Operation, Topic, reachable
from .diagnostics import Diagnostics, shown
from .documents import Documents
from .kafka import channel_binding
from .nodes import Node
from .schemas import Schemas
from .structure import Structure
from .traits import merged

_ROOT: Final = (
    "asyncapi",
    "id",
    "info",
    "servers",
    "defaultContentType",
    "channels",
    "operations",
    "components",
)
_INFO: Final = (
    "title",
    "version",
    "description",
    "termsOfService",
    "contact",
    "license",
    "tags",
    "externalDocs",
)
_CHANNEL: Final = (
    "address",
    "messages",
    "title",
    "summary",
    "description",
    "servers",
    "parameters",
    "tags",
    "externalDocs",
    "bindings",
)
_OPERATION: Final = (
    "action",
    "channel",
    "title",
    "summary",
    "description",
    "security",
    "tags",
    "externalDocs",
    "bindings",
    "traits",
    "messages",
    "reply",
)
_MESSAGE: Final = (
    "headers",
    "payload",
    "correlationId",
    "contentType",
    "name",
    "title",
    "summary",
    "description",
    "tags",
    "externalDocs",
    "bindings",
    "examples",
    "traits",
)
_KEY_PREFIX: Final = "$message.payload#/"

Action = Literal["send", "receive"]


@dataclass(slots=True)
class _Channel:
    """A channel of the document, and what became of it."""

    topic: Topic | None
    messages: dict[Node, Message] = field(default_factory=dict)
    """By the place where each is defined, which is what operations refer to."""


class Reader:
    """Reads one document of version 3.0; what is wrong with it is diagnosed."""

    def __init__(self, documents: Documents, diagnostics: Diagnostics) -> None:
        self.documents = documents
        self.diagnostics = diagnostics
        self.structure = Structure(diagnostics)
        self.schemas = Schemas(documents, diagnostics)
        self.default_content_type: str | None = None

    def contract(self, root: Node) -> Contract:
        """The contract of a document; complete only if nothing was diagnosed as an error."""
        self.structure.fields(root, "the document", _ROOT)
        info = self._info(root)
        self.default_content_type = self.structure.text(root, "defaultContentType")
        self._components(root)
        channels = {
            node: self._channel(id_, node) for id_, node in self._resolved(root, "channels").items()
        }
        operations = tuple(
            operation
            for id_, node in self._resolved(root, "operations").items()
            if (operation := self._operation(id_, node, channels)) is not None
        )
        topics = self._used(channels, operations)
        payloads = (m.payload for topic in topics for m in topic.messages if m.payload)
        return Contract(
            title=(self.structure.text(info, "title", required=True) if info else None) or "",
            version=(self.structure.text(info, "version", required=True) if info else None) or "",
            description=(info.string("description") if info else None) or "",
            topics=topics,
            operations=operations,
            schemas=reachable(self.schemas.found, payloads),
            sources=self.documents.sources,
        )

    def _info(self, root: Node) -> Node | None:
        info = self.documents.resolve(root.get("info"))
        if info is None:
            if "info" not in root.mapping:
                self.structure.missing(root, "info")
            return None
        if not self.structure.is_mapping(info, "`info`"):
            return None
        self.structure.fields(info, "`info`", _INFO)
        return info

    def _resolved(self, node: Node, key: str) -> dict[str, Node]:
        """The entries at a key, what they refer to instead of references."""
        entries = self.structure.entries(self.documents.resolve(node.get(key)), f"`{key}`")
        resolved = {name: self.documents.resolve(entry) for name, entry in entries.items()}
        return {name: entry for name, entry in resolved.items() if entry is not None}

    def _components(self, root: Node) -> None:
        components = root.get("components")
        if components is None or not self.structure.is_mapping(components, "`components`"):
            return
        for name, schema in self.structure.entries(components.get("schemas"), "`schemas`").items():
            self.schemas.add(schema, name, used=False)
        for name, message in self._resolved(components, "messages").items():
            self._message(name, message, used=False)

    # channels

    def _channel(self, id_: str, node: Node) -> _Channel:
        if not self.structure.is_mapping(node, f"the channel {shown(id_)}"):
            return _Channel(None)
        self.structure.fields(node, "a channel", _CHANNEL)
        messages = {
            message: self._message(name, message)
            for name, message in self._resolved(node, "messages").items()
        }
        bindings = self.documents.resolve(node.get("bindings"))
        kafka = bindings.get("kafka") if bindings else None
        binding = channel_binding(self.structure, self.documents.resolve(kafka))
        choice = self.structure.choice
        address = self._address(id_, node, binding.topic)
        headers = choice(node, "x-axion-headers", ("optional",), "extension-value")
        unknown = choice(node, "x-axion-unknown", ("skip", "dead-letter"), "extension-value")
        if address is None:
            return _Channel(None, messages)
        topic = Topic(
            address=address,
            description=_description(node),
            messages=tuple(messages.values()),
            partitions=binding.partitions,
            replicas=binding.replicas,
            foreign_producers=headers is not None,
            unknown="dead-letter" if unknown == "dead-letter" else "skip",
            location=node.key_location("address"),
        )
        return _Channel(topic, messages)

    def _address(self, id_: str, node: Node, topic: str | None) -> str | None:
        """The topic's name: that of the Kafka binding, if it has one, else the address."""
        address = topic or self.structure.text(node, "address") if not _is_null(node) else topic
        if address is None:
            entry = node.get("address")
            if entry is None or entry.value is None:
                self.diagnostics.add(
                    "unsupported-address",
                    f"the channel {shown(id_)} has no address: topics that are known only at run"
                    " time are not supported yet",
                    node.key_location("address"),
                    "give it an `address`",
                )
            return None
        if "{" in address:
            self.diagnostics.add(
                "unsupported-parameters",
                f"the address {shown(address)} has parameters: they are not supported yet",
                node.key_location("address"),
                "write a channel for each topic, or carry the parameter in key or payload",
            )
            return None
        return address

    # messages

    def _message(self, id_: str, node: Node, *, used: bool = True) -> Message:
        if not self.structure.is_mapping(node, f"the message {shown(id_)}"):
            return Message(id_, "", None, None, node.location)
        self.structure.fields(node, "a message", _MESSAGE)
        whole = merged(self.documents, self.structure, node)
        payload = whole.get("payload")
        if used:
            self._check_content_type(whole)
        name = self.structure.text(whole, "name") or id_
        return Message(
            name=name,
            description=_description(whole),
            payload=self.schemas.add(payload, name, used=used) if payload is not None else None,
            key=self._key(whole),
            location=node.key_location("name") if "name" in node.mapping else node.location,
        )

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

    def _check_content_type(self, node: Node) -> None:
        content_type = self.structure.text(node, "contentType") or self.default_content_type
        essence = (content_type or "application/json").partition(";")[0].strip().lower()
        if essence != "application/json" and not essence.endswith("+json"):
            self.diagnostics.add(
                "unsupported-content-type",
                f"the content type {shown(content_type or '')} is not supported yet",
                node.key_location("contentType"),
                "use `application/json`",
            )

    # operations

    def _operation(
        self, id_: str, node: Node, channels: Mapping[Node, _Channel]
    ) -> Operation | None:
        if not self.structure.is_mapping(node, f"the operation {shown(id_)}"):
            return None
        self.structure.fields(node, "an operation", _OPERATION)
        whole = merged(self.documents, self.structure, node)
        if whole.get("action") is None:
            self.structure.missing(node, "action")
        action = self.structure.choice(whole, "action", ("send", "receive"), "invalid-value")
        if whole.get("reply") is not None:
            self.diagnostics.add(
                "unsupported-reply",
                "replies are not generated yet; the operation is, without its reply",
                whole.key_location("reply"),
                "describe the reply as an operation of its own",
            )
        reference = node.get("channel")
        if reference is None:
            self.structure.missing(node, "channel")
            return None
        target = self.documents.resolve(reference)
        if target is None:
            return None
        channel = channels.get(target)
        if channel is None:
            self.structure.invalid(
                "`channel` is not one of the document's `channels`",
                reference.location,
                "refer to it as `$ref: '#/channels/…'`",
            )
            return None
        messages = self._chosen(node, channel)
        if action is None or channel.topic is None:
            return None
        return Operation(id_, cast("Action", action), channel.topic, messages, node.location)

    def _chosen(self, node: Node, channel: _Channel) -> tuple[Message, ...]:
        """The messages an operation names; all of the channel's if it says nothing of them."""
        if "messages" not in node.mapping:
            return tuple(channel.messages.values())
        chosen: list[Message] = []
        for reference in self.structure.items(node.get("messages"), "`messages`"):
            target = self.documents.resolve(reference)
            if target is None:
                continue
            message = channel.messages.get(target)
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

    def _used(
        self, channels: Mapping[Node, _Channel], operations: tuple[Operation, ...]
    ) -> tuple[Topic, ...]:
        used = {operation.topic for operation in operations}
        topics = [channel.topic for channel in channels.values() if channel.topic is not None]
        for topic in topics:
            if topic not in used:
                self.diagnostics.add(
                    "channel-unused",
                    f"no operation uses the channel {shown(topic.address)}; nothing is generated"
                    " for it",
                    topic.location,
                    "add an operation that sends or receives, or remove the channel",
                )
        return tuple(topic for topic in topics if topic in used)


def _description(node: Node) -> str:
    """What a document says about a thing, the longest word first."""
    for key in ("description", "summary", "title"):
        text = node.string(key)
        if text:
            return text.strip()
    return ""


def _is_null(node: Node) -> bool:
    address = node.get("address")
    return address is not None and address.value is None
