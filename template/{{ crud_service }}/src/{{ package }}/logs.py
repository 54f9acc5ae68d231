"""Structured logs: each line says which request or message it belongs to."""

import json
import logging
from datetime import UTC, datetime

from .bus.runtime import identity, log_context
from .settings import Settings


def configure_logs(settings: Settings) -> None:
    """Send everything that is logged to stderr, in the form that the settings ask for."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)  # it tells of every rebalance step


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **log_context(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line for people, with the correlation id at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line, without the exception that may follow."""
        line = super().formatMessage(record)
        correlation_id = identity().correlation_id
        return f"{line} [{correlation_id}]" if correlation_id else line
