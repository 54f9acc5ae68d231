"""`examples.py`: the examples of a document as messages, for tests."""

import json
from collections.abc import Iterator
from typing import Final

from ..asyncapi.contract import Example, Message
from ..asyncapi.diagnostics import Diagnostics, Location, shown
from ..asyncapi.nodes import Node
from .checking import Fault, fault
from .models import Models
from .plan import Plan
from .text import docstring, literal

MODULE: Final = "examples.py"


def examples_source(plan: Plan, models: Models, diagnostics: Diagnostics) -> dict[str, str]:
    """The module's source, not formatted yet, by its name; nothing where there are no examples.

    An example that is no such message is diagnosed and left out.
    """
    body: list[str] = []
    classes: list[str] = []
    for example, (message, name) in plan.examples.items():
        if not _is_valid(plan, models, message, example, diagnostics):
            continue
        class_ = plan.classes[message]
        classes.append(class_)
        body.append(f"{name}: Final = example({class_}, {literal(example.payload)})")
        body += [docstring(example.summary)] if example.summary else []
        if example.headers:
            body.append(f"{name}_HEADERS: Final = {literal(dict(_headers(example)))}")
    if not body:
        return {}
    contract = plan.contract
    head = [
        docstring(
            f"Examples of the messages of {contract.title} {contract.version}, for tests.\n\n"
            "Each has the name of its message and its own, or its place behind the first."
        ),
        "from typing import Final\n",
        *(f"from .messages import {class_}" for class_ in classes),
        "from .runtime.testing.examples import example\n",
    ]
    return {MODULE: "\n".join([*head, *body]) + "\n"}


def _is_valid(
    plan: Plan, models: Models, message: Message, example: Example, diagnostics: Diagnostics
) -> bool:
    if message.tombstone and example.payload is None:
        return True
    name = models.payloads[message.payload] if message.payload is not None else None
    found = fault(models.shapes, name, example.payload)
    if found is not None:
        location, where = _place(example.node, found)
        said = f" {shown(example.name)}" if example.name else ""
        diagnostics.add(
            "example-invalid",
            f"the example{said} is no {shown(message.name)}{where}: {found.message[:200]}",
            location,
            "correct the example, or the schema of the payload",
        )
    return found is None


def _place(node: Node, found: Fault) -> tuple[Location, str]:
    """Where a fault is, as far as it is in the document's own text, and in words."""
    path: list[str] = []
    location = node.location
    for part in found.path:
        entry = node.get(part) if isinstance(part, str) else None
        if isinstance(part, int) and part < len(node.items):
            entry = node.items[part]
        if entry is None:  # a property that is missing, or pydantic's word for an option
            continue
        path.append(str(part))
        node, location = entry, entry.location
    missing = found.path[-1] if found.message == "Field required" else None
    path += [str(missing)] if missing is not None else []
    return location, f", at {shown('/'.join(path))}" if path else ""


def _headers(example: Example) -> Iterator[tuple[str, str]]:
    for name, value in example.headers.items():
        yield name, value if isinstance(value, str) else json.dumps(value)
