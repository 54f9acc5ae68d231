"""What a document says beside its channels and operations: checked, and not generated."""

from typing import Final

from .documents import Documents
from .kafka import channel_binding
from .nodes import Node
from .structure import Structure

_COMPONENTS: Final = (
    "schemas",
    "servers",
    "channels",
    "operations",
    "messages",
    "securitySchemes",
    "serverVariables",
    "parameters",
    "correlationIds",
    "replies",
    "replyAddresses",
    "externalDocs",
    "tags",
    "operationTraits",
    "messageTraits",
    "serverBindings",
    "channelBindings",
    "operationBindings",
    "messageBindings",
)
_EXPRESSIONS: Final = ("$message.header#", "$message.payload#")


def check_components(structure: Structure, documents: Documents, components: Node) -> None:
    """Diagnose what is wrong in `components`, used or not; schemas and messages aside."""
    structure.fields(components, "`components`", _COMPONENTS)
    for key in _COMPONENTS:
        structure.entries(components.get(key), f"`{key}`")
    for bindings in _section(documents, components, "channelBindings"):
        channel_binding(structure, documents.resolve(bindings.get("kafka")))
    for server in _section(documents, components, "servers"):
        check_server(structure, documents, server)
    for correlation in _section(documents, components, "correlationIds"):
        location = structure.text(correlation, "location", required=True)
        if location is not None and not location.startswith(_EXPRESSIONS):
            structure.invalid(
                "`location` is no runtime expression",
                correlation.key_location("location"),
                "write it as `$message.header#/…` or `$message.payload#/…`",
            )


def check_server(structure: Structure, documents: Documents, server: Node) -> None:
    """Diagnose what is wrong with a server."""
    if not structure.is_mapping(server, "the server"):
        return
    structure.text(server, "host", required=True)
    if structure.text(server, "protocol", required=True) == "":
        structure.invalid(
            "`protocol` is empty", server.key_location("protocol"), "write `protocol: kafka`"
        )
    for variable in _section(documents, server, "variables"):
        default, choices = variable.get("default"), variable.get("enum")
        if default is None or choices is None:
            continue
        if all(default.value != choice.value for choice in choices.items):
            structure.invalid(
                "`default` is not among the values of `enum`",
                default.location,
                "add it to `enum`, or choose one of those",
            )


def _section(documents: Documents, node: Node, key: str) -> list[Node]:
    entries = node.mapping[key].mapping.values() if key in node.mapping else ()
    resolved = [documents.resolve(entry) for entry in entries]
    return [entry for entry in resolved if entry is not None]
