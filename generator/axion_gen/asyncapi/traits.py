"""Traits: what operations and messages take from shared descriptions."""

from typing import Final

from .diagnostics import Diagnostics
from .documents import Documents
from .nodes import Node

_THROUGH: Final = 3
"""How deep references are followed to merge what they name: `bindings`, `kafka`, `groupId`."""


def merged(documents: Documents, diagnostics: Diagnostics, node: Node, *, traits_win: bool) -> Node:
    """An operation or message with its traits applied, in their order.

    `traits_win` says what is true in 2.x: traits are merged into the object. In 3.x what the
    object says itself overrides them ("Traits Merge Mechanism").
    """
    traits = [documents.resolve(trait) for trait in _items(documents, node.get("traits"))]
    found = [trait for trait in traits if trait is not None]
    if not found:
        return node
    if traits_win:
        result = node
        for trait in found:
            result = _patched(documents, result, trait)
        return result
    _check_headers(diagnostics, found)
    result = Node({}, node.location)
    for trait in (*found, node):
        result = _patched(documents, result, trait)
    return result


def _items(documents: Documents, node: Node | None) -> tuple[Node, ...]:
    resolved = documents.resolve(node)
    return resolved.items if resolved is not None else ()


def _check_headers(diagnostics: Diagnostics, traits: list[Node]) -> None:
    first: Node | None = None
    for trait in traits:
        if "headers" not in trait.mapping:
            continue
        if first is not None:
            diagnostics.add(
                "trait-conflict",
                "two traits describe `headers`; merged key by key they say what neither says",
                trait.key_location("headers"),
                f"keep one of them; the other is on line {first.key_location('headers').line}",
            )
        first = trait


def _patched(documents: Documents, target: Node, patch: Node, depth: int = 0) -> Node:
    """JSON Merge Patch (RFC 7396), but for null, which stays a value: nobody removes here."""
    entries, keys = dict(target.mapping), dict(target.keys)
    for key, value in patch.mapping.items():
        present = entries.get(key)
        if present is not None and depth < _THROUGH:
            old, new = documents.resolve(present), documents.resolve(value)
            if old is not None and new is not None and old.mapping and new.mapping:
                value = _patched(documents, old, new, depth + 1)
        entries[key] = value
        keys[key] = patch.key_location(key)
    return Node(entries, patch.location if depth else target.location, keys)
