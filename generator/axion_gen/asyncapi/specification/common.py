"""The objects that both lines of the specification, 2.x and 3.x, have, and rules for several."""

import re
from typing import Final

from ..nodes import Node
from ..structure import Structure
from .kinds import TEXT, TEXTS, MapOf, Object, Tagged, choice

_EXPRESSION: Final = re.compile(r"\$message\.(header|payload)#(/.*)?", re.DOTALL)


def check_expression(structure: Structure, node: Node) -> None:
    """`location` is a runtime expression."""
    text = node.string("location")
    if text is not None and not _EXPRESSION.fullmatch(text):
        structure.invalid(
            "`location` is no runtime expression",
            node.mapping["location"].location,
            "write it as `$message.header#/…` or `$message.payload#/…`",
        )


def check_default(structure: Structure, node: Node) -> None:
    """`default` is one of `enum`."""
    default, choices = node.get("default"), node.get("enum")
    if default is None or choices is None or not choices.items:
        return
    if all(default.value != choice.value for choice in choices.items):
        structure.invalid(
            "`default` is not among the values of `enum`",
            default.location,
            "add it to `enum`, or choose one of those",
        )


def check_protocol(structure: Structure, node: Node) -> None:
    """`protocol` says something."""
    if node.string("protocol") == "":
        structure.invalid(
            "`protocol` is empty", node.mapping["protocol"].location, "write `protocol: kafka`"
        )


EXTERNAL_DOCS: Final = Object(
    "`externalDocs`", {"description": TEXT, "url": TEXT}, required=("url",)
)
TAG: Final = Object(
    "a tag",
    {"name": TEXT, "description": TEXT, "externalDocs": EXTERNAL_DOCS},
    required=("name",),
)
CONTACT: Final = Object("`contact`", {"name": TEXT, "url": TEXT, "email": TEXT})
LICENSE: Final = Object("`license`", {"name": TEXT, "url": TEXT}, required=("name",))
CORRELATION_ID: Final = Object(
    "a correlation id",
    {"description": TEXT, "location": TEXT},
    required=("location",),
    rules=(check_expression,),
)
SERVER_VARIABLE: Final = Object(
    "a server variable",
    {"description": TEXT, "examples": TEXTS, "default": TEXT, "enum": TEXTS},
    rules=(check_default,),
)


def security_scheme(scopes: str) -> Tagged:
    """The Security Scheme Object.

    Args:
        scopes: what the specification calls the scopes of a flow.
    """

    def flow(name: str, *urls: str) -> Object:
        return Object(
            f"the flow `{name}`",
            {
                "authorizationUrl": TEXT,
                "tokenUrl": TEXT,
                "refreshUrl": TEXT,
                scopes: MapOf(TEXT),
            },
            required=(*urls, scopes),
        )

    flows = Object(
        "`flows`",
        {
            "implicit": flow("implicit", "authorizationUrl"),
            "password": flow("password", "tokenUrl"),
            "clientCredentials": flow("clientCredentials", "tokenUrl"),
            "authorizationCode": flow("authorizationCode", "authorizationUrl", "tokenUrl"),
        },
    )
    plain = ("userPassword", "X509", "symmetricEncryption", "asymmetricEncryption", "plain")
    sasl = ("scramSha256", "scramSha512", "gssapi")
    base = {"type": TEXT, "description": TEXT}
    place = choice("header", "query", "cookie")
    bare = Object("a security scheme", base)
    return Tagged(
        "a security scheme",
        "type",
        dict.fromkeys((*plain, *sasl), bare)
        | {
            "apiKey": Object(
                "a security scheme", {**base, "in": choice("user", "password")}, required=("in",)
            ),
            "http": Object(
                "a security scheme",
                {**base, "scheme": TEXT, "bearerFormat": TEXT},
                required=("scheme",),
            ),
            "httpApiKey": Object(
                "a security scheme", {**base, "name": TEXT, "in": place}, required=("name", "in")
            ),
            "oauth2": Object(
                "a security scheme",
                {**base, "flows": flows, "scopes": TEXTS},
                required=("flows",),
            ),
            "openIdConnect": Object(
                "a security scheme",
                {**base, "openIdConnectUrl": TEXT, "scopes": TEXTS},
                required=("openIdConnectUrl",),
            ),
        },
    )
