"""One trace over requests, messages and what their handlers emit, on the embedded broker."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from axion_gen.runtime import KafkaSettings, NotRunningError, PermanentError, Store
from axion_gen.runtime.asgi import BusMiddleware
from axion_gen.runtime.sql import SqlStore, create_tables
from axion_gen.runtime.testing import EmbeddedBroker
from axion_gen.runtime.tracing import Tracing

from ..scenarios.service import COMMANDS, LETTERS, SERVICE_TOPICS, SHORT, create, headers_of
from .items import SOMEBODY, Bus, Context, ItemCreate, ItemCreated, ItemDelete, Quiet
from .kafka import read, until, write

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traces:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def line_to(self, span: ReadableSpan) -> list[str]:
        """The names from the root of a trace to a span, which are all in the same one."""
        by_id = {one.context.span_id: one for one in self.spans if one.context}
        line = [span.name]
        while span.parent is not None and span.parent.span_id in by_id:
            parent = by_id[span.parent.span_id]
            assert parent.context is not None
            assert span.context is not None
            assert parent.context.trace_id == span.context.trace_id
            line.append(parent.name)
            span = parent
        return line[::-1]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(topics=SERVICE_TOPICS) as broker:
        yield broker


@pytest.fixture
def traces() -> Traces:
    return Traces()


def bus_on(broker: EmbeddedBroker, traces: Traces | None, store: Store | None = None) -> Bus:
    settings = KafkaSettings(
        bootstrap_servers=broker.bootstrap_servers, **SHORT, retry_backoff_ms=1
    )
    tracing = None if traces is None else Tracing(traces.provider)
    return Bus("items", settings, store=store, tracing=tracing)


class Passes(Quiet):
    """What is created is deleted at once, by another message."""

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        await context.client.emit(COMMANDS, ItemDelete(id=message.id, reason=message.name))


LINE = [
    f"send {COMMANDS}",
    f"process {COMMANDS}",
    f"send {COMMANDS}",
    f"process {COMMANDS}",
]


async def test_one_trace_from_the_request_to_the_last_message(
    broker: EmbeddedBroker, traces: Traces
) -> None:
    bus = bus_on(broker, traces)

    async def post(_: Request) -> Response:
        with traces.tracer.start_as_current_span("POST /items"):
            await bus.client.emit(COMMANDS, ItemCreate(id=uuid4(), name="cup"))
        return Response(status_code=202)

    app = BusMiddleware(Starlette(routes=[Route("/items", post, methods=["POST"])]))
    transport = httpx.ASGITransport(app)
    async with bus.run(Passes()), httpx.AsyncClient(transport=transport) as http:
        who = {"x-user-id": "ada", "x-project-id": "looms"}
        await http.post("http://items/items", headers=who)
        await until(lambda: len(traces.spans) == 5, "all spans have ended")
    last = traces.named(f"process {COMMANDS}")[-1]
    assert traces.line_to(last) == ["POST /items", *LINE]
    records = await read(broker.bootstrap_servers, COMMANDS, at_least=2)
    assert all(record.headers[-1][0] == "traceparent" for record in records)


async def test_spans_say_where_and_what(broker: EmbeddedBroker, traces: Traces) -> None:
    bus = bus_on(broker, traces)
    async with bus.run(Quiet()):
        message = ItemCreate(id=UUID(int=0), name="cup")
        message_id = await bus.client.emit(COMMANDS, message, metadata=SOMEBODY)
        await until(lambda: len(traces.spans) == 2, "both spans have ended")
    (record,) = await read(broker.bootstrap_servers, COMMANDS, at_least=1)
    (send,), (process,) = traces.named(LINE[0]), traces.named(LINE[1])
    ids = {
        "messaging.system": "kafka",
        "messaging.destination.name": COMMANDS,
        "messaging.message.id": message_id,
        "messaging.message.conversation_id": (
            dict(record.headers)["x-correlation-id"] or b""
        ).decode(),
    }
    assert send.kind == SpanKind.PRODUCER
    assert process.kind == SpanKind.CONSUMER
    assert send.attributes == ids | {
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    assert process.attributes == ids | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": 0,
        "messaging.consumer.group.name": "items-group",
        "axion.outcome": "handled",
        "axion.attempts": 1,
    }
    assert send.status.status_code == process.status.status_code == StatusCode.UNSET


async def test_concurrent_messages_are_never_mixed(broker: EmbeddedBroker, traces: Traces) -> None:
    """Each fails once, so that pauses and workers that take over lie between."""
    running, together = 0, asyncio.Event()

    class Interleaves(Passes):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            nonlocal running
            running += 1
            if running == 5:
                together.set()
            await together.wait()
            if context.attempt == 0:
                raise ConnectionError
            await super().on_item_create(message, context)

    bus = bus_on(broker, traces)
    names = [f"cup {number}" for number in range(40)]
    roots: dict[str, int] = {}
    async with bus.run(Interleaves()):

        async def emit(name: str) -> None:
            with traces.tracer.start_as_current_span(name) as span:
                roots[name] = span.get_span_context().trace_id
                await bus.client.emit(
                    COMMANDS, ItemCreate(id=uuid4(), name=name), metadata=SOMEBODY
                )

        await asyncio.gather(*(emit(name) for name in names))
        await until(lambda: len(traces.named(LINE[1])) == 2 * len(names), "all are handled")
    told: dict[str, int] = {}
    for record in await read(broker.bootstrap_servers, COMMANDS, at_least=2 * len(names)):
        headers = dict(record.headers)
        trace_id = int((headers["traceparent"] or b"").split(b"-")[1], 16)
        if headers["x-message-type"] == b"item.delete":
            told[ItemDelete.model_validate_json(record.value or b"").reason] = trace_id
    assert told == roots
    lines = [traces.line_to(span) for span in traces.named(LINE[1])]
    for name in names:
        assert [name, *LINE] in lines


async def test_errors_are_told_by_type_and_place_and_not_by_text(
    broker: EmbeddedBroker, traces: Traces
) -> None:
    class Fails(Quiet):
        async def on_item_create(self, message: ItemCreate, context: Context) -> None:
            if message.name == "secret once" and context.attempt == 0:
                raise ValueError(message.name)
            if message.name == "secret":
                raise PermanentError(message.name)

    bus = bus_on(broker, traces)
    async with bus.run(Fails()):
        for name in ("secret once", "secret"):
            message = ItemCreate(id=UUID(int=0), name=name)
            await bus.client.emit(COMMANDS, message, metadata=SOMEBODY)
        await write(broker.bootstrap_servers, COMMANDS, b"secret", headers=headers_of())
        await until(lambda: len(traces.named(LINE[1])) == 3, "all three have ended")
    spans = traces.named(LINE[1])
    told = {
        (span.attributes or {})["error.type"]: span
        for span in spans
        if span.status.status_code == StatusCode.ERROR
    }
    assert told.keys() == {"PermanentError", "InvalidMessageError"}
    for kind, span in told.items():
        assert span.attributes is not None
        assert span.attributes["axion.outcome"] == "dead-lettered"
        (event,) = span.events
        assert event.attributes is not None
        assert event.attributes["exception.type"] == kind
    (healed,) = [span for span in spans if span not in told.values()]
    assert healed.status.status_code == StatusCode.UNSET
    (event,) = healed.events
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "ValueError"
    assert "test_tracing.py" in str(event.attributes["exception.stacktrace"])
    assert not any("secret" in span.to_json() for span in traces.spans)


async def test_an_emit_that_fails_is_an_error(broker: EmbeddedBroker, traces: Traces) -> None:
    bus = bus_on(broker, traces)
    event = ItemCreated(id=UUID(int=0), name="cup")
    with pytest.raises(NotRunningError):
        await bus.client.emit("item.events", event, metadata=SOMEBODY)
    (span,) = traces.spans
    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "NotRunningError"


@pytest.mark.parametrize(
    ("carried", "trace_id"),
    [
        ([PARENT], 0x0AF7651916CD43DD8448EB211C80319C),
        ([PARENT, PARENT], None),
        ([b"\xff"], None),
        ([b"a" * 100_000], None),
        ([b""], None),
    ],
    ids=["good", "twice", "no text", "long", "empty"],
)
async def test_what_others_write_is_followed_if_it_is_well_formed(
    broker: EmbeddedBroker, traces: Traces, carried: list[bytes], trace_id: int | None
) -> None:
    async with bus_on(broker, traces).run(Quiet()):
        headers = (*headers_of(), *(("traceparent", value) for value in carried))
        await write(broker.bootstrap_servers, COMMANDS, create("cup"), headers=headers)
        await until(lambda: len(traces.spans) == 1, "it is handled")
    (span,) = traces.spans
    assert span.attributes is not None
    assert span.attributes["axion.outcome"] == "handled"
    assert (span.parent.trace_id if span.parent else None) == trace_id


async def test_a_handler_in_a_thread_emits_in_its_own_trace(
    broker: EmbeddedBroker, traces: Traces
) -> None:
    class InThread(Quiet):
        def on_item_create(self, message: ItemCreate, context: Context) -> None:  # type: ignore[override]
            delete = ItemDelete(id=message.id, reason=message.name)
            context.wait(context.client.emit(COMMANDS, delete))

    bus = bus_on(broker, traces)
    async with bus.run(InThread()):
        message = ItemCreate(id=UUID(int=0), name="cup")
        await bus.client.emit(COMMANDS, message, metadata=SOMEBODY)
        await until(lambda: len(traces.named(LINE[1])) == 2, "both are handled")
    assert traces.line_to(traces.named(LINE[1])[-1]) == LINE


async def test_the_outbox_keeps_the_trace(
    broker: EmbeddedBroker, traces: Traces, tmp_path: Path
) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'items.db'}")
    await create_tables(engine)
    bus = bus_on(broker, traces, SqlStore(engine))
    try:
        async with bus.run(Passes()):
            with traces.tracer.start_as_current_span("script"):
                async with bus.transaction() as transaction:
                    message = ItemCreate(id=UUID(int=0), name="cup")
                    await transaction.client.emit(COMMANDS, message, metadata=SOMEBODY)
            await until(lambda: len(traces.named(LINE[1])) == 2, "both are handled")
    finally:
        await engine.dispose()
    last = traces.named(LINE[1])[-1]
    assert traces.line_to(last) == [
        "script",
        f"create {COMMANDS}",
        LINE[1],
        f"create {COMMANDS}",
        LINE[1],
    ]


async def test_a_dead_letter_keeps_the_trace_of_its_record(
    broker: EmbeddedBroker, traces: Traces
) -> None:
    async with bus_on(broker, traces).run(Quiet()):
        headers = (*headers_of(), ("traceparent", PARENT))
        await write(broker.bootstrap_servers, COMMANDS, b"no JSON", headers=headers)
        (letter,) = await read(broker.bootstrap_servers, LETTERS, at_least=1)
    assert tuple(letter.headers[: len(headers)]) == headers


async def test_nothing_is_added_unless_asked(broker: EmbeddedBroker) -> None:
    async with bus_on(broker, None).run(Quiet()) as bus:
        message = ItemCreate(id=UUID(int=0), name="cup")
        await bus.client.emit(COMMANDS, message, metadata=SOMEBODY)
    (record,) = await read(broker.bootstrap_servers, COMMANDS, at_least=1)
    assert len(record.headers) == 7


def test_nothing_imports_it_unless_asked() -> None:
    script = (
        "import axion_gen.runtime.metrics, axion_gen.runtime.sql, sys\n"
        "sys.exit('opentelemetry' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
