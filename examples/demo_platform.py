"""Three services on one broker: a gateway, what it leads to, and what hears of it.

`make demo-platform` copies http-gateway, crud-service and event-worker into a temporary folder,
starts them, and follows one write from a token to the worker's effect. Then it kills the
crud-service in the midst of many writes, starts it again, and counts: nothing is lost, and
nothing is done twice. A step that does not happen ends the demo with exit code 1.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
from rich.markup import escape

from axion_gen.runtime.headers import Record
from examples.demo import (
    PATIENCE_S,
    REPOSITORY,
    StepFailedError,
    call,
    console,
    expect,
    finished,
    free_ports,
    headers_of,
    listening,
    reading,
    ready,
    say,
    step,
    table,
)
from examples.processes import Process

WRITES = 200
KILLED_AFTER = 60
AWAY_S = 1.0
SERVICES = {
    "gateway": {"blueprint": "http-gateway"},
    "items": {"blueprint": "crud-service"},
    "notifications": {"blueprint": "event-worker", "store": "sql"},
}
TOPICS = {
    **dict.fromkeys(("item.commands", "item.events", "notification.events"), 3),
    **{f"{name}-{kind}": 1 for name in ("items", "notifications") for kind in ("dlq", "replay")},
}
# The embedded broker lets a restarted service back in only after the session timeout.
LIMITS = {
    "KAFKA_DRAIN_TIMEOUT_S": "1",
    "KAFKA_REBALANCE_TIMEOUT_S": "1.5",
    "KAFKA_REQUEST_TIMEOUT_S": "2.5",
    "KAFKA_SESSION_TIMEOUT_S": "3",
}


@dataclass(frozen=True)
class Platform:
    """What runs."""

    gateway: str
    issuer: str
    brokers: str
    items: Process


def main() -> int:
    """Run the demo; the exit code is 0 if every step happened."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="axion-platform-"))
    try:
        step("Copy three blueprints", lambda: copy(folder))
        step("Install them (slow the first time)", lambda: install(folder))
        with ExitStack() as running:
            platform = start(folder, running)
            asyncio.run(follow(platform))
            asyncio.run(kill(platform))
    except StepFailedError as error:
        console.print(f"\n[bold red]The demo stopped:[/] {escape(str(error))}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"\nAll of it happened, in {time.monotonic() - began:.0f} s.\n")
    return 0


# The services and their broker


def copy(folder: Path) -> str:
    """Copy each as a user does."""
    copier = (sys.executable, "-m", "copier", "copy", "--trust", "--defaults", "--vcs-ref=HEAD")
    for name, answers in SERVICES.items():
        data = [f"--data={key}={value}" for key, value in {**answers, "service_name": name}.items()]
        call((*copier, *data, str(REPOSITORY), str(folder / name)), folder)
    return table({name: ", ".join(answers.values()) for name, answers in SERVICES.items()})


def python_of(folder: Path) -> str:
    """The Python that the three share."""
    return str(folder / ".venv" / "bin" / "python")


def install(folder: Path) -> str:
    """Install the three into one environment: it is quicker than three."""
    call((sys.executable, "-m", "venv", ".venv"), folder)
    pip = (python_of(folder), "-m", "pip", "--disable-pip-version-check")
    editable = [argument for name in SERVICES for argument in ("--editable", f"./{name}")]
    call((*pip, "install", "--quiet", *editable), folder)
    packages = call((*pip, "list", "--format=freeze"), folder).splitlines()
    return f"{len(packages)} packages in one .venv"


def start(folder: Path, running: ExitStack) -> Platform:
    """Start everything that `running` stops in the end."""
    broker, issuer, gateway, items, notifications = free_ports(5)
    brokers = f"127.0.0.1:{broker}"
    bus = {**LIMITS, "KAFKA_BOOTSTRAP_SERVERS": brokers, "LOG_LEVEL": "WARNING"}
    addresses = {port: f"http://127.0.0.1:{port}" for port in (issuer, gateway, items)}

    topics = [f"--topic={name}:{partitions}" for name, partitions in TOPICS.items()]
    axion = (str(Path(sys.executable).parent / "axion"), "broker", f"--port={broker}", *topics)
    running.enter_context(Process("broker", axion, folder, {}))
    step("Start one embedded broker", lambda: listening(broker))

    def service(name: str, port: int, **settings: str) -> Process:
        command = (python_of(folder), "-m", name)
        settings["HTTP_PORT"] = str(port)
        return running.enter_context(Process(name, command, folder / name, settings))

    for name in ("items", "notifications"):
        call((python_of(folder), "-m", name, "migrate"), folder / name)
    processes = {
        "items": service("items", items, **bus),
        "notifications": service("notifications", notifications, **bus),
    }
    standins = (python_of(folder), "scripts/standins.py")
    settings = {"STANDINS_PORT": str(issuer)}
    running.enter_context(Process("issuer", standins, folder / "gateway", settings))
    routes = {"/items": addresses[items], "/operations": addresses[items]}
    processes["gateway"] = service(
        "gateway",
        gateway,
        AUTH_ISSUER=addresses[issuer],
        AUTH_JWKS_URL=f"{addresses[issuer]}/jwks.json",
        ROUTES=json.dumps(routes),
        LOG_LEVEL="WARNING",
    )
    for name, port in {"items": items, "notifications": notifications, "gateway": gateway}.items():
        step(f"Start {name}", partial(ready, f"http://127.0.0.1:{port}"))
    return Platform(addresses[gateway], addresses[issuer], brokers, processes["items"])


# What there is to see


async def caller(platform: Platform, http: httpx.AsyncClient) -> None:
    """Give a client a token of ada's."""
    answer = await http.post(f"{platform.issuer}/token", params={"user": "ada", "project": "looms"})
    http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"


async def follow(platform: Platform) -> None:
    """One write, from the token to the worker's effect."""
    async with httpx.AsyncClient(base_url=platform.gateway) as http:
        refused = await http.post("/items", json={"name": "cup"})
        expect(refused.status_code == httpx.codes.UNAUTHORIZED, f"no token: {refused.text}")
        say("Without a token there is no way in", f"POST /items: {refused.status_code}")

        await caller(platform, http)
        forged = {"x-user-id": "somebody", "x-project-id": "elsewhere"}
        accepted = await http.post("/items", json={"name": "cup"}, headers=forged)
        expect(accepted.status_code == httpx.codes.ACCEPTED, f"POST /items: {accepted.text}")
        operation = await finished(http, accepted.headers["location"])
        expect(operation["status"] == "succeeded", f"the operation: {operation}")
        row = await http.get(operation["resource"])
        say("With one, a write is accepted and carried out", f"202, then {row.text}")

    chain = {
        topic: (await records(platform, topic, 1))[0]
        for topic in ("item.commands", "item.events", "notification.events")
    }
    heads = {topic: headers_of(record) for topic, record in chain.items()}
    correlation_id = accepted.headers["x-correlation-id"]
    for topic, head in heads.items():
        expect(head["x-correlation-id"] == correlation_id, f"the correlation id on {topic}")
        who = (head["x-user-id"], head["x-project-id"])
        expect(who == ("ada", "looms"), f"who is named on {topic}: {who}")
    say(
        "The chain goes from the gateway to the worker",
        table(
            {
                "x-correlation-id": correlation_id,
                "x-user-id": "ada",
                "x-project-id": "looms",
                **{topic: head["x-message-type"] for topic, head in heads.items()},
                "says": (chain["notification.events"].value or b"").decode(),
            }
        ),
    )


async def kill(platform: Platform) -> None:
    """Many writes, the service killed among them and started again, and then the count."""
    accepted: list[str] = []
    enough = asyncio.Event()
    refusals: Counter[int] = Counter()
    async with httpx.AsyncClient(base_url=platform.gateway, timeout=PATIENCE_S) as http:
        await caller(platform, http)

        async def write(number: int) -> None:
            """Ask with one key until it is accepted, as a client does."""
            key = {"Idempotency-Key": str(uuid4())}
            deadline = time.monotonic() + PATIENCE_S
            async with places:
                while time.monotonic() < deadline:
                    answer = await http.post("/items", json={"name": f"{number}"}, headers=key)
                    if answer.status_code == httpx.codes.ACCEPTED:
                        accepted.append(answer.headers["location"])
                        if len(accepted) == KILLED_AFTER:
                            enough.set()
                        return
                    refusals[answer.status_code] += 1
                    await asyncio.sleep(0.2)
            raise StepFailedError(f"write {number} was never accepted: {answer.text}")

        async def interrupt() -> None:
            """Kill the service in the middle, and start it again after a while."""
            await enough.wait()
            platform.items.kill()
            await asyncio.sleep(AWAY_S)
            platform.items.start()

        places = asyncio.Semaphore(10)
        await asyncio.gather(interrupt(), *map(write, range(WRITES)))
        away = ", ".join(f"{status} {count} times" for status, count in sorted(refusals.items()))
        say(
            f"SIGKILL amid {WRITES} writes, and a start {AWAY_S:g} s later",
            f"killed after {KILLED_AFTER} were accepted; meanwhile the gateway said {away}",
        )
        outcomes = Counter([(await finished(http, each))["status"] for each in accepted])
        rows = await count_rows(http)

    everything = WRITES + 1
    events = await records(platform, "item.events", everything)
    notifications = await records(platform, "notification.events", everything)
    told = Counter(json.loads(record.value or b"{}")["item_id"] for record in notifications)
    dead = await count(platform, "items-dlq") + await count(platform, "notifications-dlq")
    expect(outcomes == {"succeeded": WRITES}, f"the operations: {outcomes}")
    expect(rows == everything, f"rows: {rows}, not {everything}")
    expect(set(told.values()) == {1}, f"items told of more than once: {told.most_common(3)}")
    expect(len(told) == everything, f"items told of: {len(told)}, not {everything}")
    expect(dead == 0, f"dead letters: {dead}")
    say(
        "Nothing is lost, nothing is done twice",
        table(
            {
                "operations succeeded": f"{outcomes['succeeded']} of {WRITES}",
                "rows": f"{rows}, with the first one",
                "events": f"{len({headers_of(event)['x-message-id'] for event in events})}"
                f", on {len(events)} records",
                "notifications": f"{len(notifications)}, one for each item",
                "dead letters": f"{dead}",
            }
        ),
    )


async def count_rows(http: httpx.AsyncClient) -> int:
    """How many items a reader finds, page by page."""
    rows = 0
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get("/items", params={"limit": "100", **cursor})).json()
        rows += len(page["items"])
        if page["next"] is None:
            return rows
        cursor = {"cursor": page["next"]}


async def records(platform: Platform, topic: str, messages: int) -> list[Record]:
    """The records of a topic, once there are so many different messages on it."""
    found: list[Record] = []
    seen: set[str] = set()
    async with reading(platform.brokers, topic) as consumer:
        deadline = time.monotonic() + PATIENCE_S
        while len(seen) < messages and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
                seen |= {headers_of(record)["x-message-id"] for record in batch}
    expect(len(seen) == messages, f"{topic} has {len(seen)} messages, not {messages}")
    return found


async def count(platform: Platform, topic: str) -> int:
    """How many records a topic has now."""
    async with reading(platform.brokers, topic) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        return sum(ends.values())


if __name__ == "__main__":
    sys.exit(main())
