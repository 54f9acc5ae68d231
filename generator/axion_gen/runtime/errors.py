"""What can go wrong on the bus, told apart by what helps."""

import asyncio
from collections.abc import Iterator
from typing import Final

ENDS: Final = (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a task or the process. Whatever else is raised about a message is its failure."""


class BusError(Exception):
    """The base of every error that the runtime raises."""


class StartError(BusError):
    """The bus cannot start: settings, broker or topics are not as they must be.

    Its text is one line for the person who starts the service.
    """


class NotRunningError(BusError):
    """Something was emitted before the bus had started or after it had stopped."""


class EmitError(BusError):
    """Kafka refused a record, or there is no acknowledgement yet.

    With `unknown` true the record may still arrive: emitting it again with the same
    message id is safe, giving up is not a promise that nobody sees it.
    """

    def __init__(self, text: str, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.unknown = unknown


class RecordRefusedError(EmitError):
    """A record is not as its topic wants records, and never will be; others may be taken."""


class RecordTooLargeError(RecordRefusedError):
    """A record is larger than its topic, or the client, takes."""


class TopicRefusedError(EmitError):
    """A topic is not there, or may not be written: somebody has to create it, or allow it."""


class MetadataError(BusError):
    """What is emitted lacks a user or a project, or carries metadata that is no header's value."""


class DependencyUnavailable(BusError):  # noqa: N818  # the standard's name
    """Raised by a handler when what it needs is away: a database, another service.

    Once its attempts are used up the message is held until the dependency is back, instead
    of becoming a dead letter (standard, section 3).
    """


class KafkaUnavailableError(EmitError, DependencyUnavailable):
    """Kafka does not answer, or cannot write at present; its records are not at fault.

    A handler that ends with it is held as for any dependency that is away.
    """


class SchemaRegistryUnavailableError(EmitError, DependencyUnavailable):
    """The schema registry does not answer; what needs it is held as for Kafka itself."""


class PermanentError(BusError):
    """Raised by a handler for what no repetition can heal: no retry, dead letter at once."""


class InvalidMessageError(PermanentError):
    """A received record breaks the contract: its headers, its type or its payload."""


class RequestError(PermanentError):
    """A request cannot be made like this, or here: it was not sent."""


class ReplyTimeoutError(BusError):
    """No reply has come in time. What became of the request is unknown: it may be handled."""


class InvalidReplyError(PermanentError):
    """A reply has come, and breaks the contract; the request was handled."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, in groups of groups too; of another error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def is_any(error: BaseException, types: tuple[type[Exception], ...]) -> bool:
    """Whether an error is one of those, or a group in which one is: a `TaskGroup` raises groups."""
    return any(isinstance(leaf, types) for leaf in leaves(error))
