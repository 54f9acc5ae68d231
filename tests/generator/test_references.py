"""References: to places in the document, in other files, and on the network."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from axion_gen.asyncapi import Contract, Diagnostics, Remote, read_contract
from axion_gen.asyncapi import fetching as fetching_module
from axion_gen.asyncapi.fetching import FetchError, fetch

from .generating import axion_gen, contract_of, found_in, imported, package, small

THING = "{type: object, required: [x], properties: {x: {type: string}}}"


def schema_names(contract: Contract) -> list[str]:
    return [schema.name for schema in contract.schemas.values()]


@pytest.mark.parametrize(
    ("key", "pointer"),
    [
        ("plain", "plain"),
        ("a/b", "a~1b"),
        ("a~b", "a~0b"),
        ("a~1b", "a~01b"),
        ("a b", "a%20b"),
        ("a%b", "a%25b"),
        ("a%20b", "a%2520b"),
        ("a~b", "a%7E0b"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("größe", "größe"),
        ("a/b~c d", "a~1b~0c%20d"),
        ("", ""),
        ("0", "0"),
    ],
)
def test_pointers_are_unescaped(tmp_path: Path, key: str, pointer: str) -> None:
    text = small(payload=f"{{$ref: '#/components/schemas/{pointer}'}}")
    text += f"components: {{schemas: {{'{key}': {THING}}}}}"
    found = Diagnostics()
    document = tmp_path / "asyncapi.yaml"
    document.write_text(text)
    contract = read_contract(document, found)
    assert contract is not None, list(found)
    (schema,) = contract.schemas.values()
    assert "x" in str(schema.definition)


def test_items_of_lists_are_counted_from_zero(tmp_path: Path) -> None:
    text = small(payload="{$ref: '#/components/schemas/Any/oneOf/1'}")
    text += f"components: {{schemas: {{Any: {{oneOf: [{{type: string}}, {THING}]}}}}}}"
    (schema,) = contract_of(tmp_path, text).schemas.values()
    assert schema.definition["type"] == "object"


def test_references_to_references_and_through_them(tmp_path: Path) -> None:
    text = small(payload="{$ref: '#/components/schemas/First/properties/inner'}")
    text += f"""\
components:
  schemas:
    First: {{$ref: '#/components/schemas/Second'}}
    Second: {{$ref: '#/components/schemas/Third'}}
    Third: {{type: object, properties: {{inner: {{$ref: '#/components/schemas/Inner'}}}}}}
    Inner: {THING}
"""
    contract = contract_of(tmp_path, text)
    assert schema_names(contract) == ["Inner"]


def test_a_schema_may_refer_to_itself_and_to_what_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = small(payload="{$ref: '#/components/schemas/Tree'}")
    text += """\
components:
  schemas:
    Tree:
      type: object
      properties:
        parent: {$ref: '#/components/schemas/Branch'}
        children: {type: array, items: {$ref: '#/components/schemas/Tree'}}
    Branch:
      type: object
      properties: {tree: {$ref: '#/components/schemas/Tree'}, id: {type: string}}
"""
    document = tmp_path / "asyncapi.yaml"
    document.write_text(text)
    package(tmp_path, document, "circles")
    messages = imported(monkeypatch, tmp_path, "circles.bus.messages")
    content = '{"children":[{"parent":{"tree":{},"id":"a"}}]}'
    tree = messages.ThingMade.model_validate_json(content)
    assert tree.model_dump_json(exclude_unset=True, by_alias=True) == content


def test_each_file_is_read_in_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "thing.yaml").write_text(
        "type: object\nproperties:\n  next: {$ref: '#'}\n  id: {$ref: ../ids.json#/Id}\n"
        "  name: {$ref: './er/names%20here.yaml#/definitions/name'}\n"
    )
    (tmp_path / "ids.json").write_text('{"Id": {"type": "string"}}')
    (tmp_path / "deep" / "er" / "names here.yaml").write_text(
        "definitions: {name: {$ref: '#/definitions/other'}, other: {$ref: ../../ids.json#/Id}}"
    )
    contract = contract_of(tmp_path, small(payload="{$ref: ./deep/thing.yaml}"))
    assert schema_names(contract) == ["thing", "Id"]
    assert sorted(source.path.name for source in contract.sources) == [
        "asyncapi.yaml",
        "ids.json",
        "names here.yaml",
        "thing.yaml",
    ]


def test_files_may_refer_to_each_other_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("A: {type: object, properties: {b: {$ref: b.yaml#/B}}}")
    (tmp_path / "b.yaml").write_text("B: {type: object, properties: {a: {$ref: a.yaml#/A}}}")
    assert schema_names(contract_of(tmp_path, small(payload="{$ref: a.yaml#/A}"))) == ["A", "B"]


def test_a_message_and_a_channel_may_be_in_another_file(tmp_path: Path) -> None:
    (tmp_path / "parts.yaml").write_text(
        "channel: {address: things, messages: {m: {$ref: '#/message'}}}\n"
        f"message: {{name: thing.made, payload: {THING}}}\n"
    )
    contract = contract_of(
        tmp_path,
        """
        asyncapi: 3.0.0
        info: {title: T, version: '1'}
        channels: {c: {$ref: parts.yaml#/channel}}
        operations:
          take:
            action: receive
            channel: {$ref: '#/channels/c'}
            messages: [{$ref: parts.yaml#/message}]
        """,
    )
    assert [m.name for m in contract.messages(contract.topics[0], "receive")] == ["thing.made"]


def test_a_folder_above_is_read_where_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text(f"Thing: {THING}\nOut: {{$ref: ../out.yaml}}\n")
    folder = tmp_path / "service"
    folder.mkdir()
    document = folder / "asyncapi.yaml"
    document.write_text(small(payload="{$ref: ../common.yaml#/Thing}"))
    refused, allowed = Diagnostics(), Diagnostics()
    assert read_contract(document, refused) is None
    assert {finding.rule for finding in refused} == {"reference-outside"}
    assert read_contract(document, allowed, within=tmp_path) is not None
    document.write_text(small(payload="{$ref: ../common.yaml#/Out}"))
    still = Diagnostics()
    assert read_contract(document, still, within=tmp_path) is None
    assert [finding.rule for finding in still] == ["reference-outside"]


def test_a_long_chain_of_references_is_followed_once(tmp_path: Path) -> None:
    count = 10_000
    schemas: dict[str, object] = {
        f"s{n}": {"$ref": f"#/components/schemas/s{n + 1}"} for n in range(count)
    }
    schemas[f"s{count}"] = {"type": "object"}
    document = chained(schemas)
    assert [finding.rule for finding in found_in(tmp_path, document, "asyncapi.json")] == []


def test_a_long_way_through_references_is_an_error(tmp_path: Path) -> None:
    schemas: dict[str, object] = {
        f"s{n}": {"$ref": f"#/components/schemas/s{n + 1}/not"} for n in range(10_000)
    }
    found = found_in(tmp_path, chained(schemas), "asyncapi.json")
    assert "too-complex" in {finding.rule for finding in found}


def chained(schemas: dict[str, object]) -> str:
    channel = {
        "address": "c",
        "messages": {"m": {"payload": {"$ref": "#/components/schemas/s0"}}},
    }
    operation = {"action": "receive", "channel": {"$ref": "#/channels/c"}}
    return json.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {"title": "T", "version": "1"},
            "channels": {"c": channel},
            "operations": {"o": operation},
            "components": {"schemas": schemas},
        }
    )


# the network

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """A server on HTTPS; what it says at each path."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def say(self, path: str, text: str) -> None:
        self.answers[path] = lambda request: respond(request, text.encode())

    def move(self, path: str, to: str) -> None:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", to)
            request.end_headers()

        self.answers[path] = answer


def respond(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    authority = trustme.CA()
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            path = self.path.partition("?")[0]
            if path in known.answers:
                known.answers[path](self)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    known = Server(listening.server_address[1])
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield known
    listening.shutdown()
    listening.server_close()


def document_at(folder: Path, reference: str) -> Path:
    document = folder / "asyncapi.yaml"
    document.write_text(small(payload=f"{{$ref: '{reference}'}}"))
    return document


def read(document: Path, remote: Remote | None) -> tuple[Contract | None, list[str]]:
    found = Diagnostics()
    contract = read_contract(document, found, remote=remote)
    return contract, [f"{finding.rule}: {finding.message}" for finding in found]


def test_the_network_is_read_where_it_is_allowed_and_kept(tmp_path: Path, server: Server) -> None:
    server.say(
        "/shared/thing.yaml", "Thing: {type: object, properties: {id: {$ref: ids.json#/Id}}}"
    )
    server.say("/shared/ids.json", '{"Id": {"type": "string"}}')
    document = document_at(tmp_path, f"{server.url}/shared/thing.yaml#/Thing")
    assert read(document, None)[0] is None
    assert server.asked == []

    remote = Remote(document, (f"{server.url}/shared/",))
    contract, said = read(document, remote)
    assert contract is not None, said
    assert schema_names(contract) == ["Thing", "Id"]
    assert remote.changed
    remote.save()
    lock = json.loads((tmp_path / "axion-remote" / "axion-remote.lock").read_text())
    assert list(lock["documents"]) == [
        f"{server.url}/shared/ids.json",
        f"{server.url}/shared/thing.yaml",
    ]
    assert {source.path.parent.name for source in contract.sources[1:]} == {"axion-remote"}
    assert all(source.path.is_file() for source in contract.sources)

    # What the server says from now on changes nothing, until everything is fetched anew.
    server.say("/shared/ids.json", '{"Id": {"type": "integer"}}')
    server.asked.clear()
    again = Remote(document, (f"{server.url}/shared/",), fetch="nothing")
    contract, said = read(document, again)
    assert contract is not None, said
    assert "string" in str([schema.definition for schema in contract.schemas.values()])
    assert server.asked == []
    anew = Remote(document, (f"{server.url}/shared/",), fetch="all")
    contract, said = read(document, anew)
    assert contract is not None, said
    assert "integer" in str([schema.definition for schema in contract.schemas.values()])


def test_the_command_fetches_once_and_needs_no_network_again(
    tmp_path: Path, server: Server
) -> None:
    server.say("/thing.yaml", THING)
    document_at(tmp_path, f"{server.url}/thing.yaml")
    arguments = ("asyncapi.yaml", "--output", "bus", "--remote", f"{server.url}/")
    refused = axion_gen("asyncapi.yaml", "--output", "bus", cwd=tmp_path)
    assert refused.code == 2
    assert "error[reference-remote]" in refused.err
    # What changes nothing fetches nothing.
    assert axion_gen(*arguments, "--check", cwd=tmp_path).code == 2
    assert server.asked == []
    assert not (tmp_path / "axion-remote").exists()

    assert axion_gen(*arguments, cwd=tmp_path).code == 0
    assert server.asked == ["/thing.yaml"]
    server.say("/thing.yaml", THING.replace("string", "integer"))
    assert axion_gen(*arguments, "--check", cwd=tmp_path).code == 0
    assert axion_gen(*arguments, cwd=tmp_path).code == 0
    assert server.asked == ["/thing.yaml"]
    assert axion_gen(*arguments, "--refresh", cwd=tmp_path).code == 0
    assert "integer" in next((tmp_path / "axion-remote").glob("*-thing.yaml")).read_text()

    (copy,) = (tmp_path / "axion-remote").glob("*-thing.yaml")
    copy.write_text(THING)
    assert axion_gen(*arguments, "--check", cwd=tmp_path).code != 0


def test_a_copy_that_was_changed_is_an_error(tmp_path: Path, server: Server) -> None:
    server.say("/thing.yaml", THING)
    document = document_at(tmp_path, f"{server.url}/thing.yaml")
    remote = Remote(document, (server.url,))
    assert read(document, remote)[0] is not None
    remote.save()
    copy = remote.path(f"{server.url}/thing.yaml")
    copy.write_text(THING.replace("string", "integer"))
    contract, said = read(document, Remote(document, (server.url,)))
    assert contract is None
    assert "is not what axion-remote.lock says" in said[0]
    copy.write_bytes(THING.encode() + b"\n")
    assert read(document, Remote(document, (server.url,)))[0] is None


def test_what_has_no_copy_is_not_fetched_where_nothing_may_change(
    tmp_path: Path, server: Server
) -> None:
    document = document_at(tmp_path, f"{server.url}/thing.yaml")
    contract, said = read(document, Remote(document, (server.url,), fetch="nothing"))
    assert contract is None
    assert "there is no copy of it" in said[0]
    assert server.asked == []


def test_copies_that_nothing_refers_to_go(tmp_path: Path, server: Server) -> None:
    server.say("/a.yaml", THING)
    server.say("/b.yaml", THING)
    for name in ("a", "b"):
        document = document_at(tmp_path, f"{server.url}/{name}.yaml")
        remote = Remote(document, (server.url,))
        assert read(document, remote)[0] is not None
        remote.save()
    kept = sorted(path.name.partition("-")[2] for path in (tmp_path / "axion-remote").iterdir())
    assert kept == ["b.yaml", "remote.lock"]


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("https://a.example/x", "http://a.example/x"),
        ("http://a.example/x", "http://a.example/x"),
        ("https://a.example/", "https://a.example.evil.example/"),
        ("https://a.example/", "https://a.example@evil.example/"),
        ("https://a.example/", "https://a.example:8443/"),
        ("https://a.example/x", "https://a.example/xy"),
        ("https://a.example/x", "https://a.example/x/../y"),
        ("https://a.example/x", "https://a.example/x/%2e%2e/y"),
        ("https://a.example/x", "https://a.example/x\\..\\y"),
        ("https://", "https://a.example/"),
        ("", "https://a.example/"),
        ("https://a.example/", "https://[/"),
        ("https://a.example/", "https://a.example:port/"),
        ("file:///", "file:///etc/passwd"),
        ("ftp://a.example/", "ftp://a.example/"),
    ],
)
def test_an_address_that_is_not_allowed(tmp_path: Path, allowed: str, url: str) -> None:
    document = document_at(tmp_path, url)
    contract, said = read(document, Remote(document, (allowed,)))
    assert contract is None
    assert [line.partition(":")[0] for line in said] == ["reference-remote"]


def test_a_document_from_the_network_reaches_no_file(tmp_path: Path, server: Server) -> None:
    (tmp_path / "ids.yaml").write_text("Id: {type: string}")
    for reference in ("file:///etc/hostname", "http://localhost/ids.yaml", "/../../ids.yaml#/Id"):
        server.say("/thing.yaml", f"properties: {{id: {{$ref: '{reference}'}}}}")
        document = document_at(tmp_path, f"{server.url}/thing.yaml")
        contract, said = read(document, Remote(document, (server.url,)))
        assert contract is None
        assert [line.partition(":")[0] for line in said] == ["reference-remote"], reference


def test_a_fault_in_a_document_from_the_network_is_shown_there(
    tmp_path: Path, server: Server
) -> None:
    server.say("/thing.yaml", "type: object\nproperties:\n  id: {type: uid}\n")
    document = document_at(tmp_path, f"{server.url}/thing.yaml")
    found = Diagnostics()
    assert read_contract(document, found, remote=Remote(document, (server.url,))) is None
    assert [str(f.location) for f in found] == [f"{server.url}/thing.yaml:3:14"]


def test_redirections_stay_within_what_is_allowed(tmp_path: Path, server: Server) -> None:
    server.say("/a/there.yaml", THING)
    server.say("/b/there.yaml", THING)
    server.move("/a/moved.yaml", "there.yaml")
    server.move("/a/away.yaml", "/b/there.yaml")
    server.move("/a/plain.yaml", f"http://localhost:{server.port}/a/there.yaml")
    server.move("/a/round.yaml", "round.yaml")
    outcome = {}
    for name in ("moved", "away", "plain", "round"):
        document = document_at(tmp_path, f"{server.url}/a/{name}.yaml")
        contract, said = read(document, Remote(document, (f"{server.url}/a",)))
        outcome[name] = "read" if contract is not None else said[0]
    assert outcome["moved"] == "read"
    assert "has moved to" in outcome["away"]
    assert "nothing allows" in outcome["away"]
    assert "it is not on HTTPS" in outcome["plain"]
    assert "moved more than 3 times" in outcome["round"]
    assert "/b/there.yaml" not in server.asked


def test_what_a_server_may_do_is_bounded(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not done.wait(0.05):
            request.wfile.write(b"#")

    monkeypatch.setattr(fetching_module, "MAX_BYTES", 1000)
    server.answers["/drip"] = drip
    server.say("/large", "#" * 1001)
    with pytest.raises(FetchError, match=r"does not come within 0\.5 s"):
        fetch(f"{server.url}/drip", lambda url: None, time_limit_s=0.5)
    done.set()
    with pytest.raises(FetchError, match="is larger than"):
        fetch(f"{server.url}/large", lambda url: None)
    with pytest.raises(FetchError, match="answers 404"):
        fetch(f"{server.url}/gone", lambda url: None)
    with pytest.raises(FetchError, match="Connection refused"):
        fetch("https://localhost:9/gone", lambda url: None)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match=r"self-signed|unable to get local issuer"):
        fetch(f"{server.url}/large", lambda url: None)


def test_too_many_documents_on_the_network(tmp_path: Path, server: Server) -> None:
    server.say("/thing.yaml", THING)
    document = tmp_path / "asyncapi.yaml"
    references = ", ".join(f"{{$ref: '{server.url}/thing.yaml?{n}'}}" for n in range(205))
    document.write_text(small(payload=f"{{anyOf: [{references}]}}"))
    contract, said = read(document, Remote(document, (server.url,)))
    assert contract is None
    assert "one of more than 200" in said[0]
    assert len(server.asked) == 200
