"""The objects of AsyncAPI 2.0 to 2.6; a field of a later version is taken in an earlier one."""

from typing import Final

from ..diagnostics import nearest, shown
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
    check_expression,
    check_protocol,
    security_scheme,
)
from .kinds import (
    ANYTHING,
    COMPONENT_KEY,
    FLAG,
    SCHEMA,
    TEXT,
    TEXTS,
    Kind,
    ListOf,
    MapOf,
    Object,
)


def _check_security(structure: Structure, root: Node) -> None:
    """What a server demands is a security scheme that is described."""
    servers, components = root.get("servers"), root.get("components")
    schemes = components.get("securitySchemes") if components is not None else None
    known = schemes.mapping if schemes is not None else {}
    for server in servers.mapping.values() if servers is not None else ():
        required = server.get("security")
        for requirement in required.items if required is not None else ():
            for name in requirement.mapping.keys() - known.keys():
                near = nearest(name, known)
                structure.diagnostics.add(
                    "security-undescribed",
                    f"there is no security scheme {shown(name)}",
                    requirement.key_location(name),
                    f"did you mean {shown(near)}?"
                    if near
                    else "describe it under `securitySchemes` of `components`",
                )


_TAGS: Final = ListOf(TAG)
_SECURITY: Final = ListOf(MapOf(TEXTS))
_SERVER: Final = Object(
    "the server",
    {
        "url": TEXT,
        "description": TEXT,
        "protocol": TEXT,
        "protocolVersion": TEXT,
        "variables": MapOf(SERVER_VARIABLE),
        "security": _SECURITY,
        "bindings": bindings.SERVER,
        "tags": _TAGS,
    },
    required=("url", "protocol"),
    rules=(check_protocol,),
)
_PARAMETER: Final = Object(
    "a parameter",
    {"description": TEXT, "schema": SCHEMA, "location": TEXT},
    rules=(check_expression,),
)
# In 2.0 to 2.2 an example is a mapping of anything.
_EXAMPLE: Final = MapOf(ANYTHING)
_TRAIT: Final[dict[str, Kind]] = {
    "messageId": TEXT,
    "headers": SCHEMA,
    "correlationId": CORRELATION_ID,
    "schemaFormat": TEXT,
    "contentType": TEXT,
    "name": TEXT,
    "title": TEXT,
    "summary": TEXT,
    "description": TEXT,
    "tags": _TAGS,
    "externalDocs": EXTERNAL_DOCS,
    "deprecated": FLAG,
    "bindings": bindings.MESSAGE,
    "examples": ListOf(_EXAMPLE),
}
_MESSAGE_TRAIT: Final = Object("a trait", _TRAIT)
_MESSAGE_FIELDS: Final[dict[str, Kind]] = {
    **_TRAIT,
    "payload": SCHEMA,
    "traits": ListOf(_MESSAGE_TRAIT),
}
_MESSAGE: Final = Object("a message", _MESSAGE_FIELDS)
_MESSAGE_FIELDS["oneOf"] = ListOf(_MESSAGE)
_OPERATION_TRAIT_FIELDS: Final[dict[str, Kind]] = {
    "operationId": TEXT,
    "summary": TEXT,
    "description": TEXT,
    "security": _SECURITY,
    "tags": _TAGS,
    "externalDocs": EXTERNAL_DOCS,
    "bindings": bindings.OPERATION,
}
_OPERATION_TRAIT: Final = Object("a trait", _OPERATION_TRAIT_FIELDS)
_OPERATION: Final = Object(
    "an operation",
    {**_OPERATION_TRAIT_FIELDS, "traits": ListOf(_OPERATION_TRAIT), "message": _MESSAGE},
)
_CHANNEL: Final = Object(
    "a channel",
    {
        "description": TEXT,
        "servers": TEXTS,
        "subscribe": _OPERATION,
        "publish": _OPERATION,
        "parameters": MapOf(_PARAMETER, COMPONENT_KEY),
        "deprecated": FLAG,
        "bindings": bindings.CHANNEL,
    },
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
    },
    required=("title", "version"),
)
_SECTIONS: Final[dict[str, Kind]] = {
    "schemas": SCHEMA,
    "servers": _SERVER,
    "serverVariables": SERVER_VARIABLE,
    "channels": _CHANNEL,
    "messages": _MESSAGE,
    "securitySchemes": security_scheme("scopes"),
    "parameters": _PARAMETER,
    "correlationIds": CORRELATION_ID,
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
        "components": _COMPONENTS,
        "tags": _TAGS,
        "externalDocs": EXTERNAL_DOCS,
    },
    required=("info", "channels"),
    rules=(_check_security,),
)
