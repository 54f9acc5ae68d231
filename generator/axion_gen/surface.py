"""What a contract has its service do with each message: kept, so that a change can be told."""

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .asyncapi.contract import Contract, Message, references

if TYPE_CHECKING:
    from .render.plan import Plan

RECEIVES = "receives"
SENDS = "sends"


def surface(plan: "Plan") -> dict[str, dict[str, str]]:
    """Of each topic its messages, each as `receives <handler> <shape>` or `sends <shape>`.

    A shape is a hash of the payload's schema: a message that has another name and the shape of
    one that is gone, on the same topic, was renamed.
    """
    contract = plan.contract
    found: dict[str, dict[str, str]] = {}
    for topic in contract.topics:
        received = set(contract.messages(topic, "receive"))
        sent = set(contract.messages(topic, "send"))
        entries = found.setdefault(topic.address, {})
        for message in topic.messages:
            words = [RECEIVES, plan.handlers[message]] if message in received else []
            words += [SENDS] if message in sent else []
            if words:
                entries[message.name] = " ".join([*words, _shape(contract, message)])
    return found


def _shape(contract: Contract, message: Message) -> str:
    parts = [*_definitions(contract, message), message.avro.schema if message.avro else None]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _definitions(contract: Contract, message: Message) -> Iterator[object]:
    """The payload's definition and all that it needs, in the order in which they are met."""
    waiting = [] if message.payload is None else [message.payload]
    seen: set[str] = set()
    while waiting:
        id_ = waiting.pop(0)
        if id_ not in seen:
            seen.add(id_)
            definition = contract.schemas[id_].definition
            yield definition
            waiting.extend(references(definition))
