"""What is wrong with a document is said, with its place, and nothing is written."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from .generating import axion_gen, small

HEAD = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"


@dataclass(frozen=True)
class Fault:
    """A document, and how the answer to it begins after the file's name."""

    said: str
    text: str
    name: str = "asyncapi.yaml"


def fault(said: str, text: str, name: str = "asyncapi.yaml") -> Fault:
    return Fault(said, dedent(text).lstrip("\n"), name)


ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)

FILES = [
    fault(":1:1: error[not-asyncapi] this is text, not", "just words"),
    fault(":1:1: error[not-asyncapi] this is null", ""),
    fault(":1:1: error[not-asyncapi] this is a list", "- a"),
    fault(":1:1: error[not-asyncapi] this is a mapping without `asyncapi:`", "a: 1"),
    fault(":1:1: error[not-asyncapi] this is an OpenAPI document", "openapi: 3.1.0"),
    fault(":1:11: error[unsupported-version] version `1.2.0`", "asyncapi: 1.2.0"),
    fault(":1:11: error[unsupported-version] version `2.7.0`", "asyncapi: 2.7.0"),
    fault(":1:11: error[unsupported-version] version `4.0.0`", "asyncapi: 4.0.0"),
    fault(":1:11: error[wrong-type] `asyncapi` is a number", "asyncapi: 3.0"),
    fault(":2:4: error[syntax]", "a: [\nb: }"),
    fault(":2:1: error[syntax] a tab, where YAML has spaces", "a:\n\tb: 1"),
    fault(":1:4: error[syntax] the alias `*b` has no anchor", "a: *b"),
    fault(":1:4: error[syntax] the tag", "a: !!python/object:os.system x"),
    fault(":1:4: error[syntax] a number that JSON does not have", "a: .inf"),
    fault(":1:4: error[syntax] a number that JSON does not have", "a: " + "9" * 5000),
    fault(":2:1: error[syntax] a second document", "a: 1\n---\nb: 1"),
    fault(":3:1: error[duplicate-key] the key `a` is here for the second time", "a: 1\nb: 1\na: 2"),
    fault(":6:20: error[too-complex]", ALIASES),
    fault(":1:1001: error[too-complex]", "[" * 5000),
    fault(":1:102: error[too-complex]", "[" * 5000, "asyncapi.json"),
    fault(":2:3: error[duplicate-key]", '{"a": 1,\n  "a": 2}', "asyncapi.json"),
    fault(":2:9: error[syntax] no JSON", '{\n\t"a": 1 "b": 2}', "asyncapi.json"),
    fault(
        ":1:7: error[syntax] an escape that is half of a character", '{"a": "\\ud800"}', "a.json"
    ),
]


def referring(reference: str) -> str:
    """A document whose one message is what the reference names; the reference is on line 9."""
    return f"""\
{HEAD}operations: {{take: {{action: receive, channel: {{$ref: '#/channels/c'}}}}}}
channels:
  c:
    address: c
    messages:
      m:
        $ref: {reference}
components:
  messages:
    Made: {{payload: {{type: object}}}}
    Again: {{$ref: '#/components/messages/Again2'}}
    Again2: {{$ref: '#/components/messages/Again'}}
    Through: {{$ref: '#/components/messages/Through/payload'}}
"""


REFERENCES = {
    "'#/components/messages/Mode'": "9:15: error[reference-dangling]",
    "'#/components/messages/Made/payload/0'": "9:15: error[reference-dangling]",
    "'#/components/messages/Again'": "13:19: error[reference-cycle]",
    "'#/components/messages/Through'": "15:21: error[reference-dangling]",
    "'#components'": "9:15: error[reference-malformed]",
    "3": "9:15: error[reference-malformed]",
    "'./gone.yaml#/m'": "9:15: error[file-missing]",
    "'.'": "9:15: error[file-missing]",
    "'../beside.yaml'": "9:15: error[reference-outside]",
    "/etc/passwd": "9:15: error[reference-outside]",
    "'%2e%2e/beside.yaml'": "9:15: error[reference-outside]",
    "link.yaml": "9:15: error[reference-outside]",
    "https://example.org/m.yaml": "9:15: error[reference-remote]",
    "//example.org/m.yaml": "9:15: error[reference-remote]",
    "file:///etc/passwd": "9:15: error[reference-remote]",
    "'a\\x00b'": "9:15: error[",
}

PARTS = {
    # an entry of the channel, on line 6
    ("channel", "adress: x"): "6:5: error[unknown-field]",
    ("channel", "x-axion-headers: some"): "6:22: error[extension-value]",
    ("channel", "x-axion-unknown: explode"): "6:22: error[extension-value]",
    ("channel", "x-axion-unknown: [skip]"): "6:22: error[extension-value]",
    ("channel", "bindings: {kafka: {partitions: 0}}"): "6:36: error[invalid-value]",
    ("channel", "bindings: {kafka: {partitions: true}}"): "6:36: error[wrong-type]",
    ("channel", "bindings: {kafka: {topic: 'a b'}}"): "5:5: error[topic-address]",
    ("channel", "bindings: {kafka: {topic: x-dlq}}"): "5:5: error[topic-address]",
    ("channel", "bindings: {kafka: [1]}"): "6:23: error[wrong-type]",
    # an entry of the message, on line 9
    ("message", "nane: x"): "9:9: error[unknown-field]",
    ("message", "name: 3"): "9:15: error[wrong-type]",
    ("message", "name: '---'"): "9:9: error[name-none]",
    ("message", 'name: "a\\nb"'): "9:9: error[invalid-value]",
    ("message", "x-axion-key: id"): "9:22: error[key-expression]",
    ("message", "x-axion-key: 3"): "9:22: error[key-expression]",
    ("message", "x-axion-key: $message.payload#/"): "9:22: error[key-expression]",
    ("message", "x-axion-key: $message.header#/id"): "9:22: error[key-expression]",
    ("message", "x-axion-key: $message.payload#/id"): "9:22: error[key-expression]",
    ("message", "traits: [{payload: {}}]"): "9:19: error[unknown-field]",
    ("message", "traits: [3]"): "9:18: error[wrong-type]",
    # the payload, on line 10
    ("payload", "[]"): "10:18: error[wrong-type]",
    ("payload", "{type: objekt}"): "10:25: error[schema-keyword]",
    ("payload", "{enum: []}"): "10:25: error[schema-keyword]",
    ("payload", "{oneOf: 3}"): "10:26: error[schema-keyword]",
    ("payload", "{type: string, const: 3}"): "10:40: error[schema-contradiction]",
    ("payload", "{minimum: 2, maximum: 1}"): "10:19: error[schema-contradiction]",
    ("payload", "{minimum: a}"): "10:28: error[schema-keyword]",
    ("payload", "{properties: [a]}"): "10:31: error[wrong-type]",
    ("payload", "{required: a}"): "10:29: error[wrong-type]",
    ("payload", "{description: [a]}"): "10:32: error[wrong-type]",
    ("payload", "{schemaFormat: application/vnd.google.protobuf, schema: {}}"): (
        "10:33: error[unsupported-schema-format] schemas in the format"
        " `application/vnd.google.protobuf` are not supported"
    ),
    ("payload", "{schemaFormat: application/raml+yaml;version=1.0, schema: {}}"): (
        "10:33: error[unsupported-schema-format]"
    ),
    ("payload", "{schemaFormat: application/vnd.apache.avro, schema: {}}"): (
        "10:70: error[avro-schema]"
    ),
    ("payload", "{schemaFormat: application/vnd.apache.avro, schema: {type: strin}}"): (
        "10:77: error[avro-schema] `strin` is no type of Avro"
    ),
    ("payload", "{$ref: '#/no'}"): "10:25: error[reference-dangling]",
}

DOCUMENTS = {
    "asyncapi: 3.0.0\n": "1:1: error[missing-field] `info`",
    "asyncapi: 3.0.0\ninfo: {title: T}": "2:7: error[missing-field] `version`",
    "asyncapi: 3.0.0\ninfo: {title: 3, version: '1'}": "2:15: error[wrong-type]",
    f"{HEAD}channel: {{}}": "3:1: error[unknown-field]",
    f"{HEAD}channels: []": "3:11: error[wrong-type]",
    f"{HEAD}channels: {{a: 3}}": "3:15: error[wrong-type]",
    f"{HEAD}channels: {{a: {{address: 3}}}}": "3:25: error[wrong-type]",
    f"{HEAD}operations: {{a: {{}}}}": "3:17: error[missing-field] `action`",
    f"{HEAD}operations: {{a: {{action: publish, channel: 3}}}}": "3:26: error[invalid-value]",
    f"{HEAD}operations: {{a: {{action: send, channel: {{$ref: '#/info'}}}}}}": (
        "3:41: error[invalid-value]"
    ),
    f"{HEAD}servers: {{a: {{}}}}": "3:14: error[missing-field]",
}


def run(tmp_path: Path, fault: Fault) -> str:
    document = tmp_path / fault.name
    document.write_text(fault.text, encoding="utf-8")
    answer = axion_gen(fault.name, "--output", "bus", cwd=tmp_path)
    assert answer.code == 2, answer
    assert not (tmp_path / "bus").exists()
    return answer.err


@pytest.mark.parametrize("fault", FILES, ids=lambda fault: fault.said)
def test_files(tmp_path: Path, fault: Fault) -> None:
    assert run(tmp_path, fault).startswith(f"{fault.name}{fault.said}")


@pytest.mark.parametrize(("reference", "said"), REFERENCES.items(), ids=REFERENCES)
def test_references(tmp_path: Path, reference: str, said: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "beside.yaml").write_text("payload: {}")
    (folder / "link.yaml").symlink_to(tmp_path / "beside.yaml")
    err = run(folder, Fault(said, referring(reference.replace("'a\\x00b'", '"a\\0b"'))))
    assert f"asyncapi.yaml:{said}" in err


@pytest.mark.parametrize(("part", "said"), PARTS.items(), ids=lambda part: part[1])
def test_parts_of_a_document(tmp_path: Path, part: tuple[str, str], said: str) -> None:
    err = run(tmp_path, Fault(said, small(**{part[0]: part[1]})))
    assert f"asyncapi.yaml:{said}" in err


@pytest.mark.parametrize(("text", "said"), DOCUMENTS.items(), ids=DOCUMENTS.values())
def test_documents(tmp_path: Path, text: str, said: str) -> None:
    assert f"asyncapi.yaml:{said}" in run(tmp_path, Fault(said, text))


def test_a_fault_in_another_file_is_shown_there(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "thing.yaml").write_text("type: object\nproperties:\n  id: {type: uid}")
    err = run(tmp_path, Fault("", small(payload="{$ref: ./schemas/thing.yaml}")))
    assert err.startswith("schemas/thing.yaml:3:14: error[schema-keyword]")


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "asyncapi.yaml").write_bytes(b"asyncapi: 3.0.0\ninfo: caf\xe9")
    answer = axion_gen("asyncapi.yaml", "--output", "bus", cwd=tmp_path)
    assert answer.code == 2
    assert answer.err.startswith("asyncapi.yaml:2:10: error[file-unreadable] the byte 0xe9")


@pytest.mark.parametrize("name", ["none.yaml", ".", "a\nb.yaml", "/dev/null"])
def test_a_document_that_is_no_file(tmp_path: Path, name: str) -> None:
    answer = axion_gen(name, "--output", "bus", cwd=tmp_path)
    assert answer.code == 2
    assert "error[file-missing]" in answer.err


def test_everything_is_said_at_once_with_line_and_help(tmp_path: Path) -> None:
    text = small(channel="adress: x", payload="{type: objekt}")
    assert run(tmp_path, Fault("", text)) == dedent("""\
        asyncapi.yaml:6:5: error[unknown-field] a channel has no field `adress`
          6 |     adress: x
            |     ^
          help: did you mean `address`?

        asyncapi.yaml:10:25: error[schema-keyword] `type` is the text `objekt`
          10 |         payload: {type: objekt}
             |                         ^
          help: write one of null, boolean, integer, number, string, array, object

        2 errors
        """)
