"""The command `axion`."""

import json
import re
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ..asyncapi import Diagnostics, read_contract
from ..asyncapi.contract import Topic
from ..outcome import Outcome, Result
from ..render.addresses import choices_of
from ..report import Format, report
from ..runtime.addresses import Parameter, names
from ..runtime.contract import dead_letter_topic, replay_topic, replies_topic
from ..runtime.errors import BusError
from ..runtime.testing.serve import serve
from . import dead_letters
from .update import update

app: Final = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(dead_letters.app, name="dead-letters")
app.command()(update)


@app.callback()
def axion() -> None:
    """Tools around an Axion bus."""


@app.command()
def broker(
    spec: Annotated[
        Path | None,
        typer.Argument(help="An AsyncAPI document: its topics are created.", metavar="SPEC"),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic to create; repeat for more.", metavar="NAME[:PARTITIONS]"),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(help="A service's name: its dead letter and replay topics are created."),
    ] = None,
    port: Annotated[
        int,
        typer.Option(help="Where clients find the broker; 0 takes a free port.", min=0, max=65535),
    ] = 9092,
    brokers: Annotated[int, typer.Option(help="How many brokers to run.")] = 1,
    output: Annotated[
        Format, typer.Option("--format", help="`json` prints one line for programs.")
    ] = Format.TEXT,
) -> None:
    """Run an embedded Kafka broker in the foreground, until Ctrl-C. Nothing is kept.

    Exit codes: 0 it was stopped; 1 it cannot run; 2 the document or an argument is wrong.
    """
    topics: dict[str, int] = {}
    contract = None
    if spec is not None:
        found = Diagnostics()
        contract = read_contract(spec, found)
        if contract is None:
            report(output, Outcome(Result.FAILED, found=tuple(found)))
            raise typer.Exit(2)
        topics = {
            name: channel.partitions for channel in contract.topics for name in _names(channel)
        }
    if service is not None:
        topics |= {dead_letter_topic(service): 1, replay_topic(service): 1}
        if contract is not None and any(
            operation.action == "send" and operation.reply is not None and operation.reply.address
            for operation in contract.operations
        ):
            topics[replies_topic(service)] = 1
    topics |= _topics(topic or [])

    def announce(bootstrap_servers: str) -> None:
        if output is Format.JSON:
            typer.echo(json.dumps({"bootstrap_servers": bootstrap_servers, "topics": topics}))
            return
        console = Console(highlight=False)
        console.print(f"Embedded Kafka broker on [bold]{bootstrap_servers}[/bold], until Ctrl-C")
        for name, partitions in topics.items():
            console.print(f"  {name}  {partitions} partition{'s' if partitions > 1 else ''}")

    serve(topics, port, announce, brokers=brokers)


def _names(topic: Topic) -> tuple[str, ...]:
    """The topics of an address, as far as they are known beforehand."""
    parameters = [
        Parameter(parameter.name, choices_of(parameter)) for parameter in topic.parameters
    ]
    return names(topic.address, parameters) or ()


def _topics(arguments: list[str]) -> dict[str, int]:
    topics: dict[str, int] = {}
    for argument in arguments:
        parts = re.fullmatch(r"([^:]+)(?::([0-9]{1,9}))?", argument)
        if parts is None:
            raise typer.BadParameter(f"{argument!r} is not NAME or NAME:PARTITIONS")
        name, partitions = parts.groups()
        if name in topics:
            raise typer.BadParameter(f"topic {name!r} is given twice")
        topics[name] = int(partitions or 1)
    return topics


def main() -> None:
    """Run the command; what goes wrong on the bus is one line on stderr and exit code 1."""
    try:
        app()
    except BusError as error:
        Console(stderr=True, soft_wrap=True).print(f"axion: {error}", markup=False, highlight=False)
        raise SystemExit(1) from None
