"""The commands `axion dead-letters …`."""

import asyncio
import io
import json
import logging
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any, Final

import typer

from ..report import Format
from ..runtime.contract import SERVICE_NAME
from ..runtime.dead_letters import Letter, Tally
from ..runtime.errors import BusError
from ..runtime.settings import KafkaSettings
from . import letter_text as text
from .dead_letter_queue import DeadLetterQueue

app: Final = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


def _service(name: str) -> str:
    if not SERVICE_NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no name of a service")
    return name


def _id(prefix: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{1,64}", prefix):
        raise typer.BadParameter(f"{prefix!r} is no id of a letter, nor the beginning of one")
    return prefix


Service = Annotated[
    str, typer.Argument(help="The service's name.", metavar="SERVICE", callback=_service)
]
Ids = Annotated[
    list[str] | None,
    typer.Argument(
        help="Letters, by their ids or unique beginnings.",
        metavar="ID",
        callback=lambda ids: [_id(prefix) for prefix in ids or []],
    ),
]
All = Annotated[bool, typer.Option("--all", help="All open letters.")]
Brokers = Annotated[
    str | None,
    typer.Option(
        help="Where to find Kafka; else KAFKA_BOOTSTRAP_SERVERS.", metavar="HOST:PORT,..."
    ),
]
Output = Annotated[Format, typer.Option("--format", help="`json` prints one line for programs.")]


@app.callback()
def dead_letters() -> None:
    """Look at the dead letters of a service, replay or discard them.

    Takes the same KAFKA_* variables as the service, its topic prefix and security among them.

    Exit codes: 0 done; 1 letters are left, see the command; 2 it cannot be done.
    """


@app.command("list")
def list_(
    service: Service,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if any letter is open.")
    ] = False,
    brokers: Brokers = None,
    output: Output = Format.TEXT,
) -> None:
    """List the open letters, the oldest first."""

    async def run(queue: DeadLetterQueue) -> int:
        now = time.time()
        rows = [text.row(letter, now) async for letter in queue.letters(await queue.tally())]
        rows.sort(key=lambda entry: entry["failed_at"])
        if output is Format.JSON:
            typer.echo(json.dumps({"topic": queue.topic, "depth": len(rows), "letters": rows}))
        elif rows:
            width = os.get_terminal_size().columns if sys.stdout.isatty() else None
            for line in text.table(rows, width):
                typer.echo(line.rstrip())
        return 1 if check and rows else 0

    _run(service, brokers, run)


@app.command()
def show(
    service: Service,
    letter: Annotated[
        str,
        typer.Argument(help="A letter, by its id or unique beginning.", metavar="ID", callback=_id),
    ],
    brokers: Brokers = None,
    output: Output = Format.TEXT,
) -> None:
    """Show an open letter: why it failed, and its record."""

    async def run(queue: DeadLetterQueue) -> int:
        async for found in _chosen(queue, [letter]):
            if output is Format.JSON:
                typer.echo(json.dumps(text.as_json(found, time.time())))
            else:
                for line in text.as_text(found, queue.topic, time.time()):
                    typer.echo(line)
        return 0

    _run(service, brokers, run)


@app.command()
def replay(
    service: Service,
    ids: Ids = None,
    all_: All = False,
    brokers: Brokers = None,
    output: Output = Format.TEXT,
) -> None:
    """Give letters to the service once more, by its replay topic, with the same message ids.

    Exit code 1: some do not say which topic they came from, and are left.
    """
    _either(ids, all_)

    async def run(queue: DeadLetterQueue) -> int:
        return await _each(queue, ids, output, "replayed", queue.replay)

    _run(service, brokers, run)


@app.command()
def discard(
    service: Service,
    reason: Annotated[str, typer.Option(help="Why; kept on the topic.")],
    ids: Ids = None,
    all_: All = False,
    brokers: Brokers = None,
    output: Output = Format.TEXT,
) -> None:
    """Count letters no more, and handle them never. They stay on the topic, with the reason."""
    _either(ids, all_)
    if not reason.strip() or len(reason.encode(errors="replace")) > 1024:
        raise typer.BadParameter("a reason has 1 to 1024 bytes", param_hint="--reason")

    async def run(queue: DeadLetterQueue) -> int:
        return await _each(
            queue, ids, output, "discarded", lambda letter: queue.discard(letter, reason)
        )

    _run(service, brokers, run)


def _either(ids: list[str] | None, all_: bool) -> None:
    if bool(ids) == all_:
        raise typer.BadParameter("name letters by their ids, or say --all, not both")


async def _each(
    queue: DeadLetterQueue,
    ids: list[str] | None,
    output: Format,
    word: str,
    deal: Callable[[Letter], Coroutine[Any, Any, None]],
) -> int:
    """Deal with the chosen letters one by one; what was done is said even if it ends early."""
    done: list[str] = []
    left: list[str] = []
    try:
        async for letter in _chosen(queue, ids):
            if word == "replayed" and letter.origin is None:
                left.append(letter.id)
                _complain(f"{letter.id} does not say which topic it came from: discard it")
                continue
            await deal(letter)
            done.append(letter.id)
            if output is Format.TEXT:
                origin = letter.origin
                at = origin and text.place(origin.topic, origin.partition, origin.offset)
                typer.echo(f"{word} {letter.id}  {at or 'unknown'}")
    finally:
        if output is Format.JSON:
            typer.echo(json.dumps({"topic": queue.topic, word: done, "left": left}))
    return 1 if left else 0


async def _chosen(queue: DeadLetterQueue, prefixes: list[str] | None) -> AsyncIterator[Letter]:
    """The open letters that begin so; all without any prefix. Names what fits none or several."""
    tally = await queue.tally()
    wanted = set(tally) if not prefixes else {_only(tally, prefix) for prefix in prefixes}
    async for letter in queue.letters(tally):
        if letter.id in wanted:
            yield letter


def _only(tally: Tally, prefix: str) -> str:
    found = [identifier for identifier in tally if identifier.startswith(prefix)]
    if len(found) != 1:
        raise BusError(
            f"{len(found)} open letters begin with {prefix}: say more of the id"
            if found
            else f"no open letter begins with {prefix}"
        )
    return found[0]


def _run(
    service: str,
    brokers: str | None,
    command: Callable[[DeadLetterQueue], Coroutine[Any, Any, int]],
) -> None:
    # What goes wrong with Kafka is said once, in the command's own words.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")

    async def run() -> int:
        if brokers is not None:
            os.environ["KAFKA_BOOTSTRAP_SERVERS"] = brokers  # so it is checked as that is
        async with DeadLetterQueue(service, KafkaSettings.load()) as queue:
            return await command(queue)

    try:
        code = asyncio.run(run())
    except BusError as error:
        _complain(str(error))
        code = 2
    raise typer.Exit(code)


def _complain(what: str) -> None:
    typer.echo(f"axion: {text.printable(what)}", err=True)
