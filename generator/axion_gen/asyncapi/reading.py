"""What the readers of all versions have in common: from a document to the contract."""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, Literal
from urllib.parse import unquote

from .channels import Channel, Channels
from .contract import Contract, Operation, reachable
from .diagnostics import Diagnostics, Location, shown
from .documents import Documents
from .kafka import only_value, schema_registry
from .messages import Messages
from .nodes import Node
from .schemas import Schemas
from .structure import Structure

Perspective = Literal["application", "client"]
"""Whose document it is: the application's that it describes, or that of who talks to it."""
Action = Literal["send", "receive"]

_NO_NAMES: Final = frozenset({"message", "messages", "oneOf", "publish", "subscribe"})


class Reading(ABC):
    """Reads one document. What is wrong with it is diagnosed; its structure has been checked."""

    traits_win: ClassVar[bool]
    """Whether a trait overrides what it is applied to."""

    def __init__(
        self, documents: Documents, diagnostics: Diagnostics, perspective: Perspective
    ) -> None:
        self.documents = documents
        self.diagnostics = diagnostics
        self.perspective = perspective
        self.structure = Structure(diagnostics)
        self.schemas = Schemas(documents, diagnostics)
        self.messages = Messages(documents, diagnostics, self.schemas, self.traits_win)
        self.channels = Channels(documents, diagnostics)
        self.operations: list[Operation] = []
        self.named_elsewhere: set[Channel] = set()
        """Channels of replies whose topic only the request names."""
        self._groups: dict[str, Location] = {}
        self._clients: dict[str, Location] = {}

    @abstractmethod
    def read_channels(self, root: Node) -> None:
        """Read the channels and their messages into `channels`."""

    @abstractmethod
    def read_operations(self, root: Node) -> None:
        """Read the operations into `operations`."""

    @abstractmethod
    def read_components(self, components: Node) -> None:
        """Read the messages that are described for use elsewhere."""

    def contract(self, root: Node) -> Contract:
        """The contract of a document; complete only if nothing was diagnosed as an error."""
        info = self.documents.resolve(root.get("info")) or Node({}, root.location)
        self.messages.default_content_type = root.string("defaultContentType")
        self.messages.registry = schema_registry(self.documents, root)
        components = self.documents.resolve(root.get("components"))
        if components is not None:
            for name, schema in self.resolved(components, "schemas").items():
                self.schemas.add(schema, name, used=False)
            self.read_components(components)
        self.read_channels(root)
        self.channels.make_topics()
        self.read_operations(root)
        replies = [o.reply for o in self.operations if o.reply is not None]
        topics = self.channels.used(
            {operation.topic for operation in self.operations}
            | {reply.topic for reply in replies if reply.topic is not None},
            self.named_elsewhere,
        )
        messages = [message for topic in topics for message in topic.messages]
        messages += [message for reply in replies for message in reply.messages]
        needed = (id_ for m in messages for id_ in (m.payload, m.key_schema) if id_ is not None)
        return Contract(
            title=info.string("title") or "",
            version=info.string("version") or "",
            description=info.string("description") or "",
            topics=topics,
            operations=tuple(self.operations),
            schemas=reachable(self.schemas.all(), needed),
            sources=self.documents.sources,
            group_id=self._only(self._groups, "groupId"),
            client_id=self._only(self._clients, "clientId"),
        )

    def resolved(self, node: Node, key: str) -> dict[str, Node]:
        """The entries at a key that are mappings, what they refer to instead of references."""
        entries = self.documents.resolve(node.get(key))
        found = {
            name: self.documents.resolve(entry)
            for name, entry in (entries.mapping if entries is not None else {}).items()
        }
        return {
            name: entry
            for name, entry in found.items()
            if entry is not None and isinstance(entry.value, dict)
        }

    def seen(self, action: str) -> Action:
        """What an action of the application's is for the service that is generated."""
        return "send" if (action == "send") == (self.perspective == "application") else "receive"

    def operation(self, operation: Operation, binding: Node) -> None:
        """Note an operation, and what its Kafka binding says."""
        self.operations.append(operation)
        client = only_value(self.documents, binding.get("clientId"))
        group = only_value(self.documents, binding.get("groupId"))
        if client:
            self._clients.setdefault(client, binding.key_location("clientId"))
        if group and operation.action == "receive":
            self._groups.setdefault(group, binding.key_location("groupId"))

    def _only(self, found: dict[str, Location], key: str) -> str | None:
        """The value that all operations have; the first where they differ."""
        first = next(iter(found), None)
        for other, location in list(found.items())[1:]:
            self.diagnostics.add(
                "binding-differs",
                f"`{key}` is {shown(other)}, and {shown(first or '')} on line"
                f" {found[first or ''].line}: a service has one, and takes the first",
                location,
                "say the same in all operations, or describe two services",
            )
        return first


def last_word(reference: str | None) -> str | None:
    """The last word of a reference that may be a name, else that of the file."""
    file, _, pointer = (reference or "").partition("#")
    for token in reversed(unquote(pointer).split("/")[1:]):
        word = token.replace("~1", "/").replace("~0", "~")
        if word and word not in _NO_NAMES and not word.isdigit():
            return word
    return unquote(file).rpartition("/")[2].partition(".")[0] or None
