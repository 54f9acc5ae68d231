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
    documents: Documents, diagnostics: Diagnostics, name: str, written: str, channel: Node
) -> tuple[Parameter, ...]:
    """The parameters in a topic's name, in their order there, as the channel describes them.

    Args:
        documents: where references lead.
        diagnostics: what is wrong is added here.
        name: the topic's name.
        written: the channel's address, which is another where the Kafka binding has the name.
        channel: what describes the parameters.
    """
    described = documents.resolve(channel.get("parameters"))
    known = described.mapping if described is not None else {}
    names = dict.fromkeys(part[1:-1] for part in _IN_BRACES.findall(name))
    for parameter in names:
        if parameter not in known:
            diagnostics.add(
                "parameter-undescribed",
                f"the channel's `parameters` do not describe {shown(parameter)}, which is in"
                f" {shown(name)}",
                channel.key_location("parameters"),
                f"add {shown(parameter)} to `parameters`",
            )
    for parameter, entry in known.items():
        if f"{{{parameter}}}" not in written and parameter not in names:
            diagnostics.add(
                "parameter-unused",
                f"the address {shown(written)} has no parameter {shown(parameter)}",
                entry.location,
                f"write `{{{shown(parameter)[1:-1]}}}` in the address, or remove it here",
            )
    return tuple(_parameter(documents, parameter, known, channel) for parameter in names)


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
