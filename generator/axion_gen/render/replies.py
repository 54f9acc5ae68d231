"""Replies: which message is answered by what, and whether that can be generated."""

from ..asyncapi.contract import Contract, Message, Operation, Reply, Topic
from ..asyncapi.diagnostics import Diagnostics, shown


def replying(contract: Contract, topic: Topic, message: Message) -> tuple[Operation, ...]:
    """The operations in which a message on a topic has a reply, the receiving ones first."""
    found = [
        operation
        for operation in contract.operations
        if operation.topic is topic
        and message in operation.messages
        and operation.reply is not None
        and operation.reply.messages
        and (operation.reply.address is not None or operation.reply.topic is not None)
        and not _unknown(operation)
    ]
    return tuple(sorted(found, key=lambda operation: operation.action))


def reply_to(contract: Contract, topic: Topic, message: Message) -> Reply | None:
    """What answers a message on a topic."""
    return next((operation.reply for operation in replying(contract, topic, message)), None)


def check_replies(contract: Contract, diagnostics: Diagnostics) -> None:
    """Warn of replies that go to a topic nobody knows; they are not generated."""
    for operation in contract.operations:
        if operation.reply is not None and (unknown := _unknown(operation)):
            diagnostics.add(
                "reply-parameters",
                f"the reply of {shown(operation.id)} goes to an address whose parameter"
                f" {shown(unknown)} is not known: it is not generated",
                operation.reply.location,
                "give it a default, or an address that has the parameters of the request's, each"
                " with an `enum` where the reply is waited for",
            )


def _unknown(operation: Operation) -> str | None:
    """A parameter of the reply's address whose value nobody knows."""
    reply = operation.reply
    if reply is None or reply.topic is None or reply.address is not None:
        return None
    known = {parameter.name for parameter in operation.topic.parameters}
    for parameter in reply.topic.parameters:
        if parameter.name not in known and parameter.default is None:
            return parameter.name
        if operation.action == "send" and not parameter.choices:
            return parameter.name
    return None
