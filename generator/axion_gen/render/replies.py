"""Replies: which message is answered by what, and whether that can be generated."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..asyncapi.contract import Contract, Message, Operation, Reply, Topic
from ..asyncapi.diagnostics import Diagnostics, shown


@dataclass(frozen=True, slots=True)
class Answer:
    """What answers a message on a topic."""

    reply: Reply
    awaited: bool
    """Whether this service sends the request."""


def answers(contract: Contract, diagnostics: Diagnostics) -> Mapping[tuple[Topic, Message], Answer]:
    """What answers each message; a reply to a topic that nobody knows is diagnosed, and none.

    Where a message is received in one operation and sent in another, that is one reply: that
    of the first that receives it.
    """
    found: dict[tuple[Topic, Message], Answer] = {}
    for operation in sorted(contract.operations, key=lambda operation: operation.action):
        reply = operation.reply
        if reply is None or not reply.messages or (reply.address is None and reply.topic is None):
            continue
        unknown = _unknown(operation, reply)
        if unknown is not None:
            diagnostics.add(
                "reply-parameters",
                f"the reply of {shown(operation.id)} goes to an address whose parameter"
                f" {shown(unknown)} is not known: it is not generated",
                reply.location,
                "give it a default, or an address that has the parameters of the request's, each"
                " with an `enum` where the reply is waited for",
            )
            continue
        for message in operation.messages:
            place = (operation.topic, message)
            first = found.get(place)
            awaited = operation.action == "send" or (first is not None and first.awaited)
            found[place] = Answer(first.reply if first is not None else reply, awaited)
    return found


def _unknown(operation: Operation, reply: Reply) -> str | None:
    """A parameter of the reply's address whose value nobody knows."""
    if reply.topic is None or reply.address is not None:
        return None
    known = {parameter.name for parameter in operation.topic.parameters}
    for parameter in reply.topic.parameters:
        if parameter.name not in known and parameter.default is None:
            return parameter.name
        if operation.action == "send" and not parameter.choices:
            return parameter.name
    return None
