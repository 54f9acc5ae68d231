"""A small registry of schemas, over HTTP: what Confluent's answers to a service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class SchemaRegistry(ThreadingHTTPServer):
    """Has schemas under subjects, and says what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.schemas: list[str] = []
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        self.failing: int | None = None
        """The status that everything is answered with."""
        self.answer: Any = None
        """What everything is answered with."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, schema: object) -> int:
        """Register a schema for no subject; its id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        if text not in self.schemas:
            self.schemas.append(text)
        return self.schemas.index(text) + 1


class _Answers(BaseHTTPRequestHandler):
    server: SchemaRegistry

    def do_GET(self) -> None:
        id_ = int(self.path.rsplit("/", 1)[1])
        if not self._fails() and 0 < id_ <= len(self.server.schemas):
            self._say(200, {"schema": self.server.schemas[id_ - 1]})
        elif self.server.failing is None and self.server.answer is None:
            self._say(404, {"error_code": 40403, "message": "Schema not found"})

    def do_POST(self) -> None:
        schema = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
        if self._fails():
            return
        _, _, subject, *rest = self.path.split("/")
        versions = self.server.subjects.setdefault(subject, [])
        if rest == ["versions"]:
            id_ = self.server.add(schema)
            versions.append(id_)
            self._say(200, {"id": id_})
        elif schema in self.server.schemas and self.server.add(schema) in versions:
            self._say(200, {"id": self.server.add(schema), "subject": subject, "version": 1})
        else:
            self._say(404, {"error_code": 40403, "message": "Schema not found"})

    def _fails(self) -> bool:
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.authorization.append(self.headers["Authorization"])
        if self.server.failing is not None:
            self._say(self.server.failing, {"message": "failing"})
        elif self.server.answer is not None:
            self._say(200, self.server.answer)
        return self.server.failing is not None or self.server.answer is not None

    def _say(self, status: int, content: object) -> None:
        answer = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if status in (301, 302):
            self.send_header("Location", f"{self.server.url}/schemas/ids/1")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def schema_registry() -> Iterator[SchemaRegistry]:
    """A registry until the end of the block."""
    with SchemaRegistry() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
