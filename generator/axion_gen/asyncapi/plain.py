"""Data of a document without places: examples, schemas of Avro."""

from typing import Final

from .documents import Documents
from .nodes import Node

MAX_VALUES: Final = 50_000
MAX_DEPTH: Final = 200
"""How large and how deep a value may become by its references."""
MAX_OF_ALL: Final = 2_000_000
"""How large all values of a document may become together."""


def plain(documents: Documents, node: Node) -> object:
    """A value as lists, dicts and scalars, with what its references name in the place of these.

    A reference back to what holds it is null; so is a value that becomes too large, which is
    diagnosed.
    """
    unfolding = _Unfolding(documents)
    value = unfolding.of(node, 0)
    if not unfolding.too_large:
        return value
    documents.diagnostics.add(
        "too-complex",
        f"the value unfolds to more than {MAX_VALUES:,} values, or {MAX_DEPTH} deep, or all such"
        f" values to more than {MAX_OF_ALL:,}",
        node.location,
        "references multiply: write out what is meant",
    )
    return None


class _Unfolding:
    """Unfolds one value, and counts."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.open: set[Node] = set()
        self.values = 0
        self.too_large = False

    def of(self, node: Node, depth: int) -> object:
        resolved = self.documents.resolve(node) if node.reference is not None else node
        self.values += 1
        self.documents.unfolded += 1
        if self.values > MAX_VALUES or depth > MAX_DEPTH or self.documents.unfolded > MAX_OF_ALL:
            self.too_large = True
        if self.too_large or resolved is None or resolved in self.open:
            return None
        self.open.add(resolved)
        value: object
        if isinstance(resolved.value, dict):
            value = {key: self.of(entry, depth + 1) for key, entry in resolved.mapping.items()}
        elif isinstance(resolved.value, tuple):
            value = [self.of(item, depth + 1) for item in resolved.items]
        else:
            value = resolved.value
        self.open.remove(resolved)
        return value
