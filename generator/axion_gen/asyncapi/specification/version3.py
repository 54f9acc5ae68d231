"""The objects of AsyncAPI 3.0 and 3.1."""

from typing import Final

from ..nodes import Node
from ..structure import Structure
from . import bindings
from .common import (
    CONTACT,
    CORRELATION_ID,
    EXTERNAL_DOCS,
    LICENSE,
    SERVER_VARIABLE,
    TAG,
    check_default,
    check_expression,
    check_protocol,
    security_scheme,
)
from .kinds import (
    ANYTHING,
    COMPONENT_KEY,
    NULL,
    REFERENCE,
    SCHEMA,
    TEXT,
    TEXTS,
    Kind,
    ListOf,
    MapOf,
    Object,
    choice,
    either,
)


def _check_host(structure: Structure, node: Node) -> None:
    host = node.string("host") or ""
    if "://" in host:
        structure.invalid(
            "`host` has a scheme",
            node.mapping["host"].location,
            "write the host and its port; the scheme is `protocol`, a path is `pathname`",
        )


_TAGS: Final = ListOf(TAG)
_SECURITY: Final = security_scheme("availableScopes")
_SAID: Final[dict[str, Kind]] = {
    "title": TEXT,
    "summary": TEXT,
    "description": TEXT,
    "tags": _TAGS,
    "externalDocs": EXTERNAL_DOCS,
}
"""What many objects say of themselves."""
_SERVER: Final = Object(
    "the server",
    {
        **_SAID,
        "host": TEXT,
        "protocol": TEXT,
        "protocolVersion": TEXT,
        "pathname": TEXT,
        "variables": MapOf(SERVER_VARIABLE),
        "security": ListOf(_SECURITY),
        "bindings": bindings.SERVER,
    },
    required=("host", "protocol"),
    rules=(check_protocol, _check_host),
)
_PARAMETER: Final = Object(
    "a parameter",
    {
        "description": TEXT,
        "enum": TEXTS,
        "default": TEXT,
        "examples": TEXTS,
        "location": TEXT,
    },
    rules=(check_expression, check_default),
)
_EXAMPLE: Final = Object(
    "an example",
    {"name": TEXT, "summary": TEXT, "headers": MapOf(ANYTHING), "payload": ANYTHING},
)
_TRAIT: Final[dict[str, Kind]] = {
    **_SAID,
    "headers": SCHEMA,
    "correlationId": CORRELATION_ID,
    "contentType": TEXT,
    "name": TEXT,
    "bindings": bindings.MESSAGE,
    "examples": ListOf(_EXAMPLE),
}
_MESSAGE_TRAIT: Final = Object("a trait", _TRAIT)
_MESSAGE: Final = Object(
    "a message", {**_TRAIT, "payload": SCHEMA, "traits": ListOf(_MESSAGE_TRAIT)}
)
_MESSAGES: Final = MapOf(_MESSAGE)
_CHANNEL: Final = Object(
    "a channel",
    {
        **_SAID,
        "address": either(TEXT, NULL),
        "messages": _MESSAGES,
        "servers": ListOf(REFERENCE),
        "parameters": MapOf(_PARAMETER, COMPONENT_KEY),
        "bindings": bindings.CHANNEL,
    },
)
_REPLY_ADDRESS: Final = Object(
    "a reply's address",
    {"description": TEXT, "location": TEXT},
    required=("location",),
    rules=(check_expression,),
)
_REPLY: Final = Object(
    "a reply", {"address": _REPLY_ADDRESS, "channel": REFERENCE, "messages": ListOf(REFERENCE)}
)
_OPERATION_TRAIT_FIELDS: Final[dict[str, Kind]] = {
    **_SAID,
    "security": ListOf(_SECURITY),
    "bindings": bindings.OPERATION,
}
_OPERATION_TRAIT: Final = Object("a trait", _OPERATION_TRAIT_FIELDS)
_OPERATION: Final = Object(
    "an operation",
    {
        **_OPERATION_TRAIT_FIELDS,
        "action": choice("send", "receive"),
        "channel": REFERENCE,
        "traits": ListOf(_OPERATION_TRAIT),
        "messages": ListOf(REFERENCE),
        "reply": _REPLY,
    },
    required=("action", "channel"),
)
_INFO: Final = Object(
    "`info`",
    {
        "title": TEXT,
        "version": TEXT,
        "description": TEXT,
        "termsOfService": TEXT,
        "contact": CONTACT,
        "license": LICENSE,
        "tags": _TAGS,
        "externalDocs": EXTERNAL_DOCS,
    },
    required=("title", "version"),
)
_SECTIONS: Final[dict[str, Kind]] = {
    "schemas": SCHEMA,
    "servers": _SERVER,
    "channels": _CHANNEL,
    "operations": _OPERATION,
    "messages": _MESSAGE,
    "securitySchemes": _SECURITY,
    "serverVariables": SERVER_VARIABLE,
    "parameters": _PARAMETER,
    "correlationIds": CORRELATION_ID,
    "replies": _REPLY,
    "replyAddresses": _REPLY_ADDRESS,
    "externalDocs": EXTERNAL_DOCS,
    "tags": TAG,
    "operationTraits": _OPERATION_TRAIT,
    "messageTraits": _MESSAGE_TRAIT,
    "serverBindings": bindings.SERVER,
    "channelBindings": bindings.CHANNEL,
    "operationBindings": bindings.OPERATION,
    "messageBindings": bindings.MESSAGE,
}
_COMPONENTS: Final = Object(
    "`components`",
    {name: MapOf(kind, COMPONENT_KEY) for name, kind in _SECTIONS.items()},
)

DOCUMENT: Final = Object(
    "the document",
    {
        "asyncapi": TEXT,
        "id": TEXT,
        "info": _INFO,
        "servers": MapOf(_SERVER),
        "defaultContentType": TEXT,
        "channels": MapOf(_CHANNEL),
        "operations": MapOf(_OPERATION),
        "components": _COMPONENTS,
    },
    required=("info",),
)
