"""The whole product on one line: a blueprint becomes a service, and a command becomes an event.

`make demo` copies crud-service into a temporary folder, installs it, starts the embedded broker
and the service, and then looks at HTTP and at the topics themselves. A step that does not
happen ends the demo with exit code 1; whatever happens, nothing is left running.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import (  # type: ignore[import-untyped]  # ships no types
    AIOKafkaConsumer,
    AIOKafkaProducer,
)
from rich.console import Console
from rich.markup import escape

from axion_gen.runtime.headers import Record

REPOSITORY = Path(__file__).resolve().parent.parent
SERVICE = "items"
PATIENCE_S = 30.0
PERSON = {"x-user-id": "ada", "x-project-id": "looms"}
POISON = b'\xff{"this": is no JSON'

console = Console(highlight=False)


class StepFailedError(Exception):
    """Something that the demo shows did not happen."""


def main() -> int:
    """Run the demo; the exit code is 0 if every step happened."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="axion-demo-"))
    try:
        service = folder / SERVICE
        step("Copy the blueprint", lambda: copy(service))
        step("Install the service (slow the first time)", lambda: install(service))
        broker_port, http_port = free_ports(2)
        with ExitStack() as processes:
            servers = f"127.0.0.1:{broker_port}"
            environment = {
                "KAFKA_BOOTSTRAP_SERVERS": servers,
                "HTTP_PORT": str(http_port),
                "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'demo.db'}",
            }
            run = (str(python_of(service)), "-m")
            listen = (f"--port={broker_port}", f"--service={SERVICE}")
            broker = (*run, f"{SERVICE}.bus", "broker", *listen)
            processes.enter_context(process("broker", broker, service, environment))
            step("Start the embedded broker", lambda: listening(broker_port))
            step("Migrate its database", lambda: migrate(service, environment))
            processes.enter_context(process("service", (*run, SERVICE), service, environment))
            url = f"http://127.0.0.1:{http_port}"
            step("Start the service", lambda: ready(url))
            asyncio.run(show(url, servers))
    except StepFailedError as error:
        console.print(f"\n[bold red]The demo stopped:[/] {escape(str(error))}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"\nAll of it happened, in {time.monotonic() - began:.0f} s. Your own:\n")
    console.print(f"  {Path(sys.executable).parent}/copier copy --trust {REPOSITORY} ../my-service")
    console.print("  cd ../my-service && make run\n")
    return 0


# The service and its broker


def step(title: str, what: Callable[[], str]) -> None:
    """Do something that takes a while, and say what came of it."""
    with console.status(f"{title} ..."):
        seen = what()
    say(title, seen)


def say(title: str, seen: str) -> None:
    """A line for what was done, an indented one for what was seen."""
    console.print(f"[green]ok[/] [bold]{title}[/]")
    for line in seen.splitlines():
        console.print(f"   {escape(line)}", soft_wrap=True)


def copy(service: Path) -> str:
    """Copy the blueprint as a user does; its task generates the bus."""
    copier = (sys.executable, "-m", "copier", "copy", "--trust", "--defaults", "--vcs-ref=HEAD")
    answers = ("--data=blueprint=crud-service", f"--data=service_name={SERVICE}")
    call((*copier, *answers, str(REPOSITORY), str(service)), service.parent)
    files = [path for path in service.rglob("*") if path.is_file()]
    own = [path for path in files if "bus" not in path.relative_to(service).parts]
    return f"{len(own)} files of the service, {len(files) - len(own)} generated from asyncapi.yaml"


def python_of(service: Path) -> Path:
    """The Python of the service's own environment."""
    return service / ".venv" / "bin" / "python"


def install(service: Path) -> str:
    """Install the service into an environment of its own, with the broker it is tried on."""
    call((sys.executable, "-m", "venv", ".venv"), service)
    pip = (str(python_of(service)), "-m", "pip", "--disable-pip-version-check")
    call((*pip, "install", "--quiet", "--editable", ".", "confluent-kafka"), service)
    packages = call((*pip, "list", "--format=freeze"), service).splitlines()
    return f"{len(packages)} packages in its own .venv"


def migrate(service: Path, environment: dict[str, str]) -> str:
    """Run the migrations, the job that comes before the instances."""
    call((str(python_of(service)), "-m", SERVICE, "migrate"), service, environment)
    return f"{SERVICE}, operations, and the tables of inbox and outbox"


def call(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a command to its end; what it printed."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise StepFailedError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


@contextmanager
def process(
    name: str, command: Sequence[str], folder: Path, environment: dict[str, str]
) -> Iterator[None]:
    """A process that lives as long as the block, and is shown when it has failed."""
    log = folder.parent / f"{name}.log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    except StepFailedError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise StepFailedError(f"{error}\n--- {name}, the end of its log:\n{tail}") from None
    finally:
        running.send_signal(signal.SIGTERM)
        code: int | None
        try:
            code = running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            code = None
    if code != 0:
        raise StepFailedError(f"the {name} ended with {code} on SIGTERM, not with 0")


def listening(port: int) -> str:
    """Wait until somebody listens."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"Kafka's protocol on 127.0.0.1:{port}, no Java, no Docker"
        time.sleep(0.05)
    raise StepFailedError(f"nobody listens on port {port}")


def ready(url: str) -> str:
    """Wait until the service says that it is ready."""
    deadline = time.monotonic() + PATIENCE_S
    answer = "no answer"
    while time.monotonic() < deadline:
        try:
            response = httpx.get(f"{url}/health/ready")
            answer = f"{response.status_code} {response.text}"
            if response.status_code == httpx.codes.OK:
                return f"GET /health/ready: {answer}"
        except httpx.TransportError as error:
            answer = str(error)
        time.sleep(0.05)
    raise StepFailedError(f"the service is not ready: {answer}")


# What there is to see


async def show(url: str, servers: str) -> None:
    """One write, followed from the request to the event; then a repetition, then poison."""
    async with httpx.AsyncClient(base_url=url, headers=PERSON) as http:
        key = str(uuid4())
        request = {"name": "cup"}
        created = await http.post("/items", json=request, headers={"Idempotency-Key": key})
        expect(created.status_code == httpx.codes.ACCEPTED, f"POST /items: {created.text}")
        where = created.headers["location"]
        say("POST /items is accepted, not done", f"202, Location: {where}\n{created.text}")

        (command,) = await records(servers, "item.commands", 1)
        said = headers_of(command)
        expect(said["x-message-id"] == key, "the command's id is the Idempotency-Key")
        say("The command is on item.commands", table(said))

        operation = await finished(http, where)
        expect(operation["status"] == "succeeded", f"the operation: {operation}")
        row = await http.get(operation["resource"])
        expect(row.json()["name"] == "cup", f"GET {operation['resource']}: {row.text}")
        say("The row can be read", f"GET {operation['resource']}: {row.text}")

        (event,) = await records(servers, "item.events", 1)
        caused = headers_of(event)
        expect(caused["x-correlation-id"] == said["x-correlation-id"], "the correlation id")
        expect(caused["x-causation-id"] == said["x-message-id"], "the causation id")
        shown = {name: caused[name] for name in ("x-correlation-id", "x-causation-id")}
        say(
            "The event on item.events continues the chain",
            f"{event.value!r}\n{table(shown)}",
        )

        again = await http.post("/items", json=request, headers={"Idempotency-Key": key})
        expect(again.status_code == httpx.codes.ACCEPTED, f"the repetition: {again.text}")
        expect(again.headers["location"] == where, "the repetition names the same operation")
        marker = await http.post("/items", json={"name": "saucer"})
        await finished(http, marker.headers["location"])
        events = await records(servers, "item.events", 2)
        causes = [headers_of(event)["x-causation-id"] for event in events]
        expect(causes.count(key) == 1, f"events caused by {key}: {causes.count(key)}")
        say(
            "The same request again is handled once",
            f"202, Location: {again.headers['location']}\n"
            f"events caused by {key}: {causes.count(key)}",
        )

        await write(servers, "item.commands", POISON, said)
        (letter,) = await records(servers, f"{SERVICE}-dlq", 1)
        reason = headers_of(letter)
        expect(letter.value == POISON, "the dead letter has the same bytes")
        shown = {name: reason[name] for name in DEAD_LETTER_HEADERS}
        say(f"Poison ends in {SERVICE}-dlq, byte for byte", f"{letter.value!r}\n{table(shown)}")


DEAD_LETTER_HEADERS = (
    "x-dlq-topic",
    "x-dlq-partition",
    "x-dlq-offset",
    "x-dlq-error-type",
    "x-dlq-error-message",
    "x-dlq-attempts",
)


def expect(happened: object, what: str) -> None:
    """End the demo if something is not as it must be."""
    if not happened:
        raise StepFailedError(f"not as it must be: {what}")


async def finished(http: httpx.AsyncClient, operation: str) -> dict[str, Any]:
    """Poll an operation until it has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        response = await http.get(operation)
        body: dict[str, Any] = response.json()
        if response.is_success and body["status"] != "pending":
            return body
        await asyncio.sleep(0.02)
    raise StepFailedError(f"{operation} did not end: {response.text}")


async def records(servers: str, topic: str, number: int) -> list[Record]:
    """The records of a topic from its beginning, once there are so many; no more, no fewer."""
    found: list[Record] = []
    async with reading(servers, topic) as consumer:
        deadline = time.monotonic() + PATIENCE_S
        while len(found) < number and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
    expect(len(found) == number, f"{topic} has {len(found)} records, not {number}")
    return found


@asynccontextmanager
async def reading(servers: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader outside every group: it takes nothing away from the service."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def write(servers: str, topic: str, value: bytes, headers: dict[str, str]) -> None:
    """Write a record past the typed client, as somebody's broken producer would."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        fresh = {**headers, "x-message-id": str(uuid4())}
        pairs = [(name, text.encode()) for name, text in fresh.items()]
        await producer.send_and_wait(topic, value, key=b"poison", headers=pairs)
    finally:
        await producer.stop()


def headers_of(record: Record) -> dict[str, str]:
    """A record's headers as text."""
    return {name: (value or b"").decode() for name, value in record.headers}


def table(headers: dict[str, str]) -> str:
    """Headers, aligned."""
    width = max(map(len, headers))
    return "\n".join(f"{name:{width}}  {value}" for name, value in headers.items())


if __name__ == "__main__":
    sys.exit(main())
