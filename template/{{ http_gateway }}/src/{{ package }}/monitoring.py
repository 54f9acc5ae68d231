"""What the platform asks of an instance: three probes, and metrics."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .keys import Keys
from .metrics import Metrics


def monitoring(keys: Keys, metrics: Metrics) -> list[Route]:
    """The routes `/health/live`, `/health/ready`, `/health/started` and `/metrics`."""

    async def live(_request: Request) -> Response:
        return _answer()

    async def ready(_request: Request) -> Response:
        """A service that does not answer is no reason to send requests elsewhere."""
        return _answer(*(() if keys.at_hand else ("there are no keys to verify tokens with",)))

    async def show(_request: Request) -> Response:
        shown = generate_latest(metrics.registry)
        return Response(shown, headers={"content-type": CONTENT_TYPE_LATEST})

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/health/started", live),
        Route("/metrics", show),
    ]


def _answer(*reasons: str) -> Response:
    return JSONResponse({"holds": not reasons, "reasons": reasons}, 503 if reasons else 200)
