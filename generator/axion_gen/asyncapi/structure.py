"""Taking a document's objects apart, and diagnosing what is not as the specification says."""

from collections.abc import Collection
from dataclasses import dataclass

from .diagnostics import Diagnostics, Location, nearest, shown
from .nodes import Node, kind


@dataclass(frozen=True, slots=True)
class Structure:
    """Typed access to nodes that are already resolved; every failure is diagnosed."""

    diagnostics: Diagnostics

    def entries(self, node: Node | None, what: str) -> dict[str, Node]:
        """The entries of a mapping; nothing, diagnosed, where it is something else."""
        if node is None or self.is_mapping(node, what):
            return dict(node.mapping) if node is not None else {}
        return {}

    def is_mapping(self, node: Node, what: str) -> bool:
        """Whether it is a mapping; diagnosed if not."""
        if isinstance(node.value, dict):
            return True
        self.wrong_type(node, what, "a mapping")
        return False

    def items(self, node: Node | None, what: str) -> tuple[Node, ...]:
        """The items of a list; nothing, diagnosed, where it is something else."""
        if node is not None and not isinstance(node.value, tuple):
            self.wrong_type(node, what, "a list")
        return node.items if node is not None else ()

    def text(self, node: Node, key: str, *, required: bool = False) -> str | None:
        """The text at a key; None where it is missing, or is no text, which is diagnosed."""
        entry = node.get(key)
        if entry is None:
            if required:
                self.missing(node, key)
            return None
        if entry.text is None:
            self.wrong_type(entry, f"`{key}`", "text")
        return entry.text

    def choice(self, node: Node, key: str, choices: Collection[str], rule: str) -> str | None:
        """The text at a key if it is one of some; None where it is missing or wrong."""
        entry = node.get(key)
        if entry is None:
            return None
        if entry.text in choices:
            return entry.text
        self.diagnostics.add(
            rule,
            f"`{key}` is {described(entry)}",
            entry.location,
            f"write {' or '.join(f'`{choice}`' for choice in choices)}, or leave it out",
        )
        return None

    def fields(self, node: Node, what: str, known: Collection[str]) -> None:
        """Diagnose fields that the specification does not have."""
        for key in node.mapping:
            if key not in known and not key.startswith("x-"):
                near = nearest(key, known)
                self.diagnostics.add(
                    "unknown-field",
                    f"{what} has no field {shown(key)}",
                    node.key_location(key),
                    f"did you mean `{near}`?" if near else "remove it, or start its name with `x-`",
                )

    def missing(self, node: Node, key: str) -> None:
        """Diagnose a field that is not there."""
        self.diagnostics.add(
            "missing-field", f"`{key}` is missing", node.location, f"add `{key}:` here"
        )

    def wrong_type(self, node: Node, what: str, expected: str) -> None:
        """Diagnose a value of another type."""
        advice = f"write {expected}"
        if expected == "text" and isinstance(node.value, bool | int | float):
            advice = "put it in quotes"
        self.diagnostics.add(
            "wrong-type", f"{what} is {kind(node.value)}, not {expected}", node.location, advice
        )

    def invalid(self, message: str, location: Location, help: str) -> None:  # noqa: A002 - as in Diagnostic
        """Diagnose a value that the specification does not allow."""
        self.diagnostics.add("invalid-value", message, location, help)


def described(node: Node) -> str:
    """What a value is, for messages."""
    if isinstance(node.value, str):
        return shown(node.value)
    if isinstance(node.value, bool | int | float):
        return f"`{str(node.value).lower()[:40]}`"
    return kind(node.value)
