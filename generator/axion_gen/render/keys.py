"""Keys of records, where the document has a schema for them: their types, how they are given."""

from ..asyncapi.contract import Message
from ..asyncapi.tombstones import takes_null
from .models import Models
from .plan import Plan

ANY_KEY = "key: Key | None = None"


def key_type(models: Models, message: Message) -> str | None:
    """The class or alias of a message's key; none where the document has no schema for it."""
    return models.payloads[message.key_schema] if message.key_schema is not None else None


def key_types(plan: Plan, models: Models) -> list[str]:
    """Those of all messages."""
    found = (key_type(models, message) for message in plan.classes)
    return list(dict.fromkeys(name for name in found if name is not None))


def key_parameter(plan: Plan, models: Models, message: Message) -> str:
    """How `emit` takes a message's key.

    A key with a schema has to be given, unless it is in the payload or may be absent.
    """
    name = key_type(models, message)
    if message.key_schema is None or name is None:
        return ANY_KEY
    if message.key is not None or takes_null(plan.contract.schemas, message.key_schema):
        return f"key: {name} | None = None"
    return f"key: {name}"
