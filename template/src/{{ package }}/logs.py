"""Structured logs: each line says which message or request it is about."""

import logging
import sys

import structlog
from structlog.typing import Processor

from .bus.runtime import add_context


def configure_logs(level: str, *, json: bool) -> None:
    """Send all that is logged to stderr: as JSON, one object a line, or as text for people.

    With `logging` or with `structlog`, by the service or by a library: each line has the ids
    of the message or request at hand, as far as they are known.
    """
    described: list[Processor] = [
        add_context,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.StackInfoRenderer(),
    ]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=described,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_form(json)],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)  # it tells of every rebalance step
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *described,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _form(json: bool) -> list[Processor]:
    # Tracebacks without values of variables, which may be anybody's data.
    if json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
