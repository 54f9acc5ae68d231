"""OpenTelemetry: one trace over HTTP requests, messages and what their handlers emit.

    bus = Bus("items", tracing=Tracing())

It needs `opentelemetry-api`; what becomes of the spans is for the service's SDK to say. A span
carries ids and places, and of an error its type and the lines of code: never what a message
says, and no error's text, for that may quote it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace  # type: ignore[import-not-found,unused-ignore]
from opentelemetry.context import Context  # type: ignore[import-not-found,unused-ignore]
from opentelemetry.trace import (  # type: ignore[import-not-found,unused-ignore]
    Span,
    SpanKind,
    StatusCode,
    TracerProvider,
)
from opentelemetry.trace.propagation.tracecontext import (  # type: ignore[import-not-found,unused-ignore]
    TraceContextTextMapPropagator,
)

from .client import Outgoing, Transport
from .delivery import Delivery, Handle
from .headers import Headers, RawHeaders, with_more
from .interceptors.dead_letter import stack_of

CARRIED: Final = ("traceparent", "tracestate")
"""The headers of W3C Trace Context, which stand behind ours."""

_PROPAGATOR = TraceContextTextMapPropagator()


class Tracing:
    """Turns tracing on, where it is given to the bus.

    Each message has a `process` span, whose parent is the span that it was sent in; each
    message emitted has a `send` span, or a `create` span where it goes to the outbox.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        """With the process's own provider of tracers unless one is given."""
        self._tracer: Any = trace.get_tracer("axion", tracer_provider=provider)

    def emitting(
        self, transport: Transport, operation: str, topic_name: Callable[[str], str]
    ) -> Transport:
        """A transport that sends as another does, each message in a span of its own.

        Args:
            transport: the other one.
            operation: `send`, or `create` for what is sent later.
            topic_name: what Kafka calls the topic of a channel.
        """
        return _TracedTransport(self._tracer, transport, operation, topic_name)

    def receiving(self, group: str) -> "Spans":
        """What stands around each message that a group receives."""
        return Spans(self._tracer, group)


class Spans:
    """The spans of received messages."""

    def __init__(self, tracer: Any, group: str) -> None:
        self._tracer = tracer
        self._group = group

    def message(self, following: Handle) -> Handle:
        """Put a span around all that happens to a message: attempts, pauses, dead letter."""

        async def handle(delivery: Delivery) -> None:
            record = delivery.record
            # Nothing of the surroundings: a worker may have been employed by another message.
            parent = _PROPAGATOR.extract(_carried(record.headers), Context())
            span = self._tracer.start_span(
                f"process {record.topic}",
                parent,
                SpanKind.CONSUMER,
                {
                    "messaging.system": "kafka",
                    "messaging.operation.name": "process",
                    "messaging.operation.type": "process",
                    "messaging.destination.name": record.topic,
                    "messaging.destination.partition.id": str(record.partition),
                    "messaging.kafka.offset": record.offset,
                    "messaging.consumer.group.name": self._group,
                },
            )
            with _current(span):
                await following(delivery)
                _conclude(span, delivery)

        return handle

    def attempt(self, following: Handle) -> Handle:
        """Note in the message's span what an attempt fails with."""

        async def handle(delivery: Delivery) -> None:
            try:
                await following(delivery)
            except Exception as error:  # noted and raised
                _note(trace.get_current_span(), error)
                raise

        return handle


class _TracedTransport:
    def __init__(
        self, tracer: Any, transport: Transport, operation: str, topic_name: Callable[[str], str]
    ) -> None:
        self._tracer = tracer
        self._transport = transport
        self._operation = operation
        self._topic_name = topic_name

    async def send(self, outgoing: Outgoing) -> None:
        topic = self._topic_name(outgoing.topic)
        span = self._tracer.start_span(
            f"{self._operation} {topic}",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": self._operation,
                "messaging.operation.type": self._operation,
                "messaging.destination.name": topic,
                **_ids(outgoing.headers),
            },
        )
        with _current(span):
            carrier: dict[str, str] = {}
            _PROPAGATOR.inject(carrier)
            carried = [(name, value.encode()) for name, value in carrier.items()]
            outgoing.headers = with_more(outgoing.headers, carried)
            await self._transport.send(outgoing)


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """Make a span the current one, and end it, failed if an error comes out."""
    # Its own way to record errors takes their texts, too.
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except BaseException as error:
            _note(span, error)
            _fail(span, error)
            raise


def _carried(headers: RawHeaders) -> dict[str, str]:
    """What came with a record of a trace; what is there twice is not believed."""
    found = [(name, value) for name, value in headers if name in CARRIED and value is not None]
    carrier = {name: value.decode(errors="replace") for name, value in found}
    return carrier if len(carrier) == len(found) else {}


def _ids(headers: Headers) -> dict[str, str]:
    return {
        "messaging.message.id": headers.message_id,
        "messaging.message.conversation_id": headers.correlation_id,
    }


def _conclude(span: Span, delivery: Delivery) -> None:
    if not span.is_recording():
        return
    span.set_attribute("axion.outcome", delivery.outcome)
    span.set_attribute("axion.attempts", delivery.attempts)
    if delivery.headers is not None:
        span.set_attributes(_ids(delivery.headers))
    if delivery.outcome == "dead-lettered" and delivery.error is not None:
        if not delivery.attempts:  # it was refused before any
            _note(span, delivery.error)
        _fail(span, delivery.error)


def _note(span: Span, error: BaseException) -> None:
    if span.is_recording():
        name = type(error).__qualname__
        stack = stack_of(error)
        span.add_event("exception", {"exception.type": name, "exception.stacktrace": stack})


def _fail(span: Span, error: BaseException) -> None:
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(StatusCode.ERROR)
