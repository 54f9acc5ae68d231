"""Errors over HTTP: problem documents (RFC 9457), each with its correlation id."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .context import correlation_id

logger = logging.getLogger(__name__)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that says what went wrong."""
    return JSONResponse(
        {
            "type": "about:blank",  # no more than the status says
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "correlation_id": correlation_id(),
        },
        status,
        headers,
        media_type="application/problem+json",
    )


def answer_with_problems(app: Starlette) -> None:
    """Answer every error of `app` with a problem document."""

    async def known(_request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return problem(error.status_code, error.detail, error.headers)

    async def unforeseen(_request: Request, error: Exception) -> Response:
        logger.error("a request failed", exc_info=error)
        return problem(500, "Unforeseen; the service's log has it under the correlation id.")

    app.add_exception_handler(HTTPException, known)
    app.add_exception_handler(Exception, unforeseen)
