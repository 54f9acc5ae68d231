"""Traits: what operations and messages take from shared descriptions."""

from typing import Final

from .diagnostics import shown
from .documents import Documents
from .nodes import Node
from .structure import Structure

_NOT_MERGED: Final = frozenset({"traits", "payload", "action", "channel", "messages", "reply"})
"""What no trait may say (specification 3.0, Operation and Message Trait Object)."""


def merged(documents: Documents, structure: Structure, node: Node) -> Node:
    """An operation or message with its traits applied.

    A later trait overrides an earlier one; what the object says itself overrides both
    (specification 3.0, "Traits Merge Mechanism").
    """
    result = Node({}, node.location)
    headers: Node | None = None
    for reference in structure.items(node.get("traits"), "`traits`"):
        trait = documents.resolve(reference)
        if trait is None or not structure.is_mapping(trait, "the trait"):
            continue
        for key in _NOT_MERGED & trait.mapping.keys():
            structure.diagnostics.add(
                "unknown-field",
                f"a trait has no field {shown(key)}",
                trait.key_location(key),
                "move it out of the trait",
            )
        if headers is not None and "headers" in trait.mapping:
            structure.diagnostics.add(
                "trait-conflict",
                "two traits describe `headers`; merged key by key they say what neither says",
                trait.key_location("headers"),
                f"keep one of them; the other is on line {headers.key_location('headers').line}",
            )
        headers = trait if "headers" in trait.mapping else headers
        result = _patched(result, trait)
    return _patched(result, node)


def _patched(target: Node, patch: Node) -> Node:
    """JSON Merge Patch (RFC 7396), but for null, which stays a value: nobody removes here."""
    entries, keys = dict(target.mapping), dict(target.keys)
    for key, value in patch.mapping.items():
        present = entries.get(key)
        both = present is not None and isinstance(value.value, dict) and value.reference is None
        if both and present is not None and isinstance(present.value, dict):
            value = _patched(present, value)
        entries[key] = value
        keys[key] = patch.key_location(key)
    return Node(entries, patch.location, keys)
