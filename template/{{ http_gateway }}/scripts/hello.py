"""`make hello`: a token, a request with it, and the request as its service has seen it."""

import json
import os
import sys
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

GATEWAY = f"http://127.0.0.1:{os.environ.get('HTTP_PORT', '8000')}"
STANDINS = f"http://127.0.0.1:{os.environ.get('STANDINS_PORT', '8001')}"
DEADLINE_S = 60


def main() -> None:
    """Ask, and look; exits non-zero if it is not as it must be."""
    token = call("POST", f"{STANDINS}/token?user=ada&project=looms", {})["access_token"]
    print(f"POST {STANDINS}/token -> {token[:20]}...")
    forged = {"authorization": f"Bearer {token}", "x-user-id": "somebody else"}
    seen = call("GET", f"{GATEWAY}/hello", forged)
    print(f"GET {GATEWAY}/hello, as the service sees it:\n{json.dumps(seen, indent=2)}")
    headers = seen["headers"]
    if (headers["x-user-id"], headers["x-project-id"]) != ("ada", "looms"):
        sys.exit("the service was told of somebody else")


def call(method: str, url: str, headers: dict[str, str]) -> Any:
    """The answer to a request."""
    try:
        with urlopen(Request(url, method=method, headers=headers), timeout=DEADLINE_S) as answer:
            return json.load(answer)
    except HTTPError as error:
        sys.exit(f"{method} {url} -> {error.code}\n{error.read().decode()}")
    except (URLError, OSError) as error:
        sys.exit(f"nothing answers at {url} ({error}): is `make run` running?")


if __name__ == "__main__":
    main()
