"""What `$id` and `$anchor` call the schemas of a file: names that references may use."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from .nodes import Node

_DATA: Final = frozenset({"examples", "example", "const", "enum", "default"})
"""Keywords whose values are no schemas."""


@dataclass(slots=True)
class Identifiers:
    """The identifiers in one file."""

    ids: dict[str, list[Node]] = field(default_factory=dict)
    """The schemas by their `$id`, as it stands there and joined to the one around it."""
    anchors: dict[str, list[Node]] = field(default_factory=dict)
    bases: dict[Node, str] = field(default_factory=dict)
    """Of each reference the `$id` that it is relative to."""

    def by_id(self, node: Node, file: str) -> list[Node]:
        """The schemas that the reference in a node means by the part before its `#`."""
        return self.ids.get(file) or self.ids.get(_joined(self.bases.get(node, ""), file), [])


def identifiers_in(root: Node) -> Identifiers:
    """Find the identifiers in a file; each node is looked at once, however many aliases it has."""
    found = Identifiers()
    text = root.location.source.text
    if "$id" not in text and "$anchor" not in text:
        return found
    waiting, seen = [(root, "")], set[Node]()
    while waiting:
        node, base = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        id_, _, anchor = (node.string("$id") or "").partition("#")
        if id_:
            base = _joined(base, id_)
            for name in dict.fromkeys((id_, base)):
                found.ids.setdefault(name, []).append(node)
        # Before 2019-09 an anchor was written as `$id: '#name'`.
        for name in filter(None, (node.string("$anchor"), anchor if not id_ else "")):
            found.anchors.setdefault(name, []).append(node)
        if node.reference is not None and base:
            found.bases[node] = base
        waiting += [(item, base) for item in node.items]
        waiting += [(part, base) for key, part in node.mapping.items() if key not in _DATA]
    return found


def _joined(base: str, file: str) -> str:
    try:
        return urljoin(base, file)
    except ValueError:
        return file
