"""What a channel's topic is called on Kafka, and the parameters in its name."""

import re
from collections.abc import Mapping
from typing import Final

from .contract import Parameter
from .diagnostics import Diagnostics, shown
from .documents import Documents
from .nodes import Node

_IN_BRACES: Final = re.compile(r"(\{[^{}]+\})")
_NOT_OF_A_TOPIC: Final = re.compile(r"[^a-zA-Z0-9._-]")
ROOT: Final = "root"
"""What a topic is called whose address has nothing that Kafka allows: `/`."""


def topic_name(address: str) -> str:
    """An address as Kafka allows it: `/orders/{region}/new order` -> `orders.{region}.new_order`.

    A leading `/` is dropped, `/` becomes `.`, any other character that Kafka does not allow `_`.
    """
    parts = _IN_BRACES.split(address.removeprefix("/"))
    name = "".join(
        part if part.startswith("{") else _NOT_OF_A_TOPIC.sub("_", part.replace("/", "."))
        for part in parts
    )
    return name or ROOT


def parameters(
    documents: Documents, diagnostics: Diagnostics, address: str, channel: Node
) -> tuple[Parameter, ...]:
    """The parameters in a topic's name, in their order there, as the channel describes them."""
    described = documents.resolve(channel.get("parameters"))
    known = described.mapping if described is not None else {}
    names = dict.fromkeys(part[1:-1] for part in _IN_BRACES.findall(address))
    for name in names:
        if name not in known:
            diagnostics.add(
                "parameter-undescribed",
                f"the channel's `parameters` do not describe {shown(name)}, which is in its"
                f" address {shown(address)}",
                channel.key_location("address"),
                f"add {shown(name)} to `parameters`",
            )
    return tuple(_parameter(documents, name, known, channel) for name in names)


def _parameter(
    documents: Documents, name: str, known: Mapping[str, Node], channel: Node
) -> Parameter:
    node = documents.resolve(known.get(name))
    if node is None:
        return Parameter(name, "", channel.key_location("parameters"))
    # In 2.x it has a schema that says the rest.
    said = documents.resolve(node.get("schema")) or node
    default = said.get("default")
    constant = said.get("const")
    return Parameter(
        name=name,
        description=node.string("description") or said.string("description") or "",
        location=node.location,
        choices=_texts(said.get("enum")) or ((_text(constant),) if constant is not None else ()),
        default=_text(default) if default is not None and default.value is not None else None,
        examples=_texts(said.get("examples")),
    )


def _texts(node: Node | None) -> tuple[str, ...]:
    items = node.items if node is not None else ()
    return tuple(
        dict.fromkeys(_text(item) for item in items if not item.items and not item.mapping)
    )


def _text(node: Node) -> str:
    value = node.value
    return str(value).lower() if isinstance(value, bool) else str(value)
