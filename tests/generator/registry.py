"""A small registry of schemas, over HTTP: what Confluent's answers to a service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

NOT_FOUND = {"error_code": 40403, "message": "Schema not found"}


class SchemaRegistry(ThreadingHTTPServer):
    """Has schemas under subjects, and says what it was asked."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Answers)
        self.schemas: list[str] = []
        self.references: dict[int, list[dict[str, object]]] = {}
        """What schemas refer to, by their ids."""
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.authorization: list[str | None] = []
        self.failing: int | None = None
        """The status that everything is answered with."""
        self.answer: Any = None
        """What everything is answered with."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, schema: object, subject: str = "", **references: str) -> int:
        """Register a schema; its id.

        Args:
            schema: it, as JSON has it, or as text.
            subject: whose next version it is, if any.
            references: of each name that it mentions, the subject whose first version has it.
        """
        text = schema if isinstance(schema, str) else json.dumps(schema)
        if text not in self.schemas:
            self.schemas.append(text)
        id_ = self.schemas.index(text) + 1
        if subject:
            self.subjects.setdefault(subject, []).append(id_)
        if references:
            self.references[id_] = [
                {"name": name, "subject": other, "version": 1} for name, other in references.items()
            ]
        return id_

    def found(self, path: str) -> dict[str, object] | None:
        """What a request for a schema, or for a version of a subject, is answered with."""
        _, kind, *rest = path.partition("?")[0].split("/")
        if kind == "schemas":
            id_ = int(rest[1])
        else:
            ids, version = self.subjects.get(rest[0], []), int(rest[2])
            id_ = ids[version - 1] if version <= len(ids) else 0
        if not 0 < id_ <= len(self.schemas):
            return None
        answer: dict[str, object] = {"schema": self.schemas[id_ - 1]}
        return answer | ({"references": self.references[id_]} if id_ in self.references else {})


class _Answers(BaseHTTPRequestHandler):
    server: SchemaRegistry

    def do_GET(self) -> None:
        if self._fails():
            return
        found = self.server.found(self.path)
        self._say(200, found) if found is not None else self._say(404, NOT_FOUND)

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
            self._say(404, NOT_FOUND)

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
def schema_registry(port: int = 0) -> Iterator[SchemaRegistry]:
    """A registry until the end of the block."""
    with SchemaRegistry(port) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
