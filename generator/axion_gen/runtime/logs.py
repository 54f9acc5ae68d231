"""The ids of the message or request at hand, on each log line: for logging, and for structlog.

    handler.addFilter(ContextFilter())                          # logging
    structlog.configure(processors=[add_context, ...])          # structlog

Neither changes what a line says of itself: its own fields stay.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Final

from .context import log_context

NAMES: Final = (
    "correlation_id",
    "causation_id",
    "user_id",
    "project_id",
    "message_id",
    "message_type",
    "topic",
    "partition",
    "offset",
)
"""What a line may be given. A request has the first four of them, as far as they are known."""


class ContextFilter(logging.Filter):
    """Gives each line the ids as attributes; what is not known is the empty string.

    It belongs on a handler: a logger's filters do not see what its children log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line through."""
        known = log_context()
        for name in NAMES:
            if not hasattr(record, name):
                setattr(record, name, known.get(name, ""))
        return True


def add_context(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Give an event of structlog the ids that are known: a processor."""
    for name, value in log_context().items():
        event.setdefault(name, value)
    return event
