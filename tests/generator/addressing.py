"""Packages of contracts whose addresses have parameters, or whose operations have replies."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from axion_gen.asyncapi import Contract, Diagnostics, read_contract
from axion_gen.asyncapi.contract import Operation, Parameter, Reply, Topic
from axion_gen.asyncapi.diagnostics import Diagnostic
from axion_gen.output import write
from axion_gen.render import render

Change = Callable[[Contract], Contract]


def generate(folder: Path, name: str, text: str, change: Change) -> list[Diagnostic]:
    """Generate the package `<name>.bus` of a document that is changed as read."""
    document = folder / f"{name}.yaml"
    document.write_text(text, encoding="utf-8")
    diagnostics = Diagnostics()
    contract = read_contract(document, diagnostics)
    assert contract is not None, list(diagnostics)
    bus = folder / name / "bus"
    files = render(change(contract), bus, diagnostics)
    if files is not None:
        write(bus, files)
        (folder / name / "__init__.py").touch()
    return list(diagnostics)


def addressed(addresses: Mapping[str, tuple[str, tuple[Parameter, ...]]]) -> Change:
    """Give topics other addresses, with parameters."""

    def change(contract: Contract) -> Contract:
        topics: dict[Topic, Topic] = {}
        for topic in contract.topics:
            address, parameters = addresses.get(topic.address, (topic.address, ()))
            topics[topic] = replace(topic, address=address, parameters=parameters)
        operations = tuple(
            replace(
                operation,
                topic=topics[operation.topic],
                reply=None
                if operation.reply is None or operation.reply.topic is None
                else replace(operation.reply, topic=topics[operation.reply.topic]),
            )
            for operation in contract.operations
        )
        return replace(contract, topics=tuple(topics.values()), operations=operations)

    return change


def replying(replies: dict[str, tuple[str, str | None]]) -> Change:
    """Give operations replies: the messages of a topic, sent there or where the request says."""

    def change(contract: Contract) -> Contract:
        topics = {topic.address: topic for topic in contract.topics}

        def operation(before: Operation) -> Operation:
            if before.id not in replies:
                return before
            name, address = replies[before.id]
            to = topics[name]
            reply = Reply(None if address else to, to.messages, address, before.location)
            return replace(before, reply=reply)

        return replace(contract, operations=tuple(map(operation, contract.operations)))

    return change
