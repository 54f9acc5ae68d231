"""The command `axion broker`, as a process."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
)

AXION = str(Path(sys.executable).with_name("axion"))
PATIENCE_S = 20.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def axion_broker(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [AXION, "broker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def announcement(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    said: dict[str, Any] = json.loads(line)
    return said


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return process.returncode, stdout, stderr


async def test_clients_find_topics_and_records_by_the_fixed_port() -> None:
    port = free_port()
    arguments = ["--port", str(port), "--topic", "cups:3", "--topic", "plates", "--brokers", "2"]
    with axion_broker(*arguments, "--format", "json") as process:
        assert announcement(process) == {
            "bootstrap_servers": f"127.0.0.1:{port}",
            "topics": {"cups": 3, "plates": 1},
        }
        servers = f"localhost:{port}"
        producer = AIOKafkaProducer(bootstrap_servers=servers)
        consumer = AIOKafkaConsumer(
            "plates", bootstrap_servers=servers, auto_offset_reset="earliest"
        )
        await producer.start()
        await consumer.start()
        try:
            assert await producer.partitions_for("cups") == {0, 1, 2}
            await producer.send_and_wait("plates", b"blue")
            assert (await consumer.getone()).value == b"blue"
        finally:
            await consumer.stop()
            await producer.stop()


DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Kitchen, version: 1.0.0}
channels:
  cups:
    address: kitchen.cups
    bindings: {kafka: {partitions: 4}}
    messages: {cup: {payload: {type: object}}}
operations:
  take: {action: receive, channel: {$ref: "#/channels/cups"}}
"""


def test_a_document_and_a_service_name_give_their_topics(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.yaml"
    document.write_text(DOCUMENT)
    arguments = [str(document), "--service", "kitchen", "--topic", "plates:2", "--port", "0"]
    with axion_broker(*arguments, "--format", "json") as process:
        assert announcement(process)["topics"] == {
            "kitchen.cups": 4,
            "kitchen-dlq": 1,
            "kitchen-replay": 1,
            "plates": 2,
        }


def test_a_wrong_document_is_reported_by_file_and_line(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.yaml"
    document.write_text(DOCUMENT.replace("#/channels/cups", "#/channels/cup"))
    with axion_broker(str(document), "--port", "0") as process:
        code, stdout, stderr = ended(process)
    assert (code, stdout) == (2, "")
    assert f"{document}:9:" in stderr
    assert "Traceback" not in stderr


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    with axion_broker(str(tmp_path / "no.yaml"), "--port", "0") as process:
        code, stdout, stderr = ended(process)
    assert (code, stdout) == (2, "")
    assert "no.yaml" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_frees_the_port(number: signal.Signals) -> None:
    port = free_port()
    with axion_broker("--port", str(port), "--format", "json") as process:
        announcement(process)
        # A client that is still connected does not hold it up.
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(number)
            assert ended(process) == (0, "", "")
    with axion_broker("--port", str(port), "--format", "json") as process:
        assert announcement(process)["bootstrap_servers"] == f"127.0.0.1:{port}"


def test_it_tells_people_where_it_listens_and_what_there_is() -> None:
    with axion_broker("--port", "0", "--topic", "cups:3", "--topic", "plates") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        assert ended(process) == (0, "", "")
    assert lines[0].startswith("Embedded Kafka broker on 127.0.0.1:")
    assert lines[1:] == ["  cups  3 partitions\n", "  plates  1 partition\n"]


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with axion_broker("--port", str(port)) as process:
            code, stdout, stderr = ended(process)
    assert (code, stdout) == (1, "")
    assert stderr.startswith(f"axion: cannot listen on 127.0.0.1:{port} (")
    assert stderr.endswith("choose another port\n")
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--topic", "cups:0"], 1, "axion: topic cups can have 1 to 100,000 partitions, not 0"),
        (["--topic", "[red]cups"], 1, "axion: '[red]cups' is no name of a topic"),
        (["--topic", "../cups"], 1, "axion: '../cups' is no name of a topic"),
        (["--topic", "cups\x1b[2J"], 1, r"axion: 'cups\x1b[2J' is no name of a topic"),
        (["--brokers", "0"], 1, "axion: 1 to 100 brokers can run, not 0"),
        (["--topic", "cups:three"], 2, "'cups:three' is not NAME or NAME:PARTITIONS"),
        (["--topic", "cups:-1"], 2, "'cups:-1' is not NAME or NAME:PARTITIONS"),
        (["--topic", "cups:" + "9" * 5000], 2, "is not NAME or NAME:PARTITIONS"),
        (["--topic", ":3"], 2, "':3' is not NAME or NAME:PARTITIONS"),
        (["--topic", "cups", "--topic", "cups:2"], 2, "topic 'cups' is given twice"),
        (["--port", "65536"], 2, "less than or equal to 65535"),
        (["--port", "-1"], 2, "greater than or equal to 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], code: int, message: str) -> None:
    with axion_broker("--port", "0", *arguments) as process:
        returned, stdout, stderr = ended(process)
    assert (returned, stdout) == (code, "")
    assert message in " ".join(stderr.replace("│", " ").split())
    assert "Traceback" not in stderr
