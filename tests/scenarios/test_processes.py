"""A process under load that is ended by a signal: nothing is lost."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from axion_gen.runtime.testing import EmbeddedBroker

from ..runtime.items import ItemCreated
from ..runtime.kafka import PATIENCE_S, committed, end_offset, read, until
from .service import COMMANDS, GROUP, LETTERS, command

NAMES = [f"{number}" for number in range(150)]


@asynccontextmanager
async def an_instance(
    broker: EmbeddedBroker, log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.scenarios.instance"),
        *(str(log), broker.bootstrap_servers),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def the_end_of(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(PATIENCE_S):
        _, stderr = await process.communicate()
    return process.returncode or 0, stderr.decode()


def lines(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def names(log: Path, mark: str) -> set[str]:
    return {line[1:] for line in lines(log) if line[0] == mark}


async def write_all(broker: EmbeddedBroker) -> None:
    for partition in range(3):
        for key in range(4):
            await command(
                broker, *NAMES[partition::3][key::4], partition=partition, key=b"%d" % key
            )


async def names_of_events(broker: EmbeddedBroker) -> list[str]:
    count = await end_offset(broker.bootstrap_servers, "item.events")
    events = await read(broker.bootstrap_servers, "item.events", at_least=count)
    return [ItemCreated.model_validate_json(event.value or b"").name for event in events]


async def test_sigterm_finishes_what_runs_commits_it_and_exits_with_0(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    await write_all(broker)
    async with an_instance(broker, tmp_path / "first") as process:
        await until(lambda: len(lines(tmp_path / "first")) > 20, "it is under load")
        process.send_signal(signal.SIGTERM)
        code, stderr = await the_end_of(process)
    assert (code, stderr) == (0, "")
    begun, ended = names(tmp_path / "first", "+"), names(tmp_path / "first", "-")
    assert begun == ended, "what ran was finished"
    assert len(ended) < len(NAMES), "it was under load"
    offsets = [await committed(broker.bootstrap_servers, GROUP, COMMANDS, p) for p in range(3)]

    async with an_instance(broker, tmp_path / "second") as process:
        await until(
            lambda: ended | names(tmp_path / "second", "-") == set(NAMES),
            "the next instance does the rest",
        )
        process.send_signal(signal.SIGTERM)
        code, stderr = await the_end_of(process)
    assert (code, stderr) == (0, "")
    again = names(tmp_path / "second", "+")
    # Offsets are those without a hole before them, so what ended beyond one is done again.
    assert len(ended & again) == len(ended) - sum(offset or 0 for offset in offsets)
    assert set(await names_of_events(broker)) == set(NAMES)
    assert await end_offset(broker.bootstrap_servers, LETTERS) == 0


async def test_sigkill_loses_nothing_whenever_it_comes(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    await write_all(broker)
    log = tmp_path / "log"
    for more in (20, 27, 34):
        enough = len(lines(log)) + more
        async with an_instance(broker, log) as process:
            await until(lambda enough=enough: len(lines(log)) > enough, "it is under load")  # type: ignore[misc]
            process.kill()
            code, _ = await the_end_of(process)
        assert code == -signal.SIGKILL
    async with an_instance(broker, log) as process:
        await until(
            lambda: names(log, "-") == set(NAMES),
            "the last instance does the rest",
        )
        process.send_signal(signal.SIGTERM)
        code, stderr = await the_end_of(process)
    assert (code, stderr) == (0, "")
    assert set(await names_of_events(broker)) == set(NAMES)
    done = [line[1:] for line in lines(log)]
    for partition in range(3):
        offset = await committed(broker.bootstrap_servers, GROUP, COMMANDS, partition)
        assert offset == len(NAMES[partition::3])
        for key in range(4):
            # What is done again comes later; nothing is begun before what it depends on.
            first = [done.index(name) for name in NAMES[partition::3][key::4]]
            assert first == sorted(first)
