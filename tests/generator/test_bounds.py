"""Documents that would take all the time and memory there is: each ends, and says why."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .generating import small

MEMORY = 2 * 1024**3
"""Of addresses, so more than what is used; Python, its libraries and ruff take half of it."""
TIME_LIMIT_S = 60
"""Generous: alone, the slowest takes ten seconds."""


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(folder: Path, text: str, name: str = "asyncapi.yaml") -> tuple[int, str]:
    """The command's exit code and what it says of a document, within the limits."""
    (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "axion_gen", name, "--output", "bus"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=TIME_LIMIT_S,
        check=False,
        preexec_fn=limited,
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert done.returncode in (0, 2), done.stderr[-2000:]
    return done.returncode, done.stderr


def message(payload: object, **extra: object) -> str:
    """A document in JSON whose one message has a payload."""
    channel = {"address": "c", "messages": {"m": {"payload": payload, **extra}}}
    return json.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {"title": "T", "version": "1"},
            "channels": {"c": channel},
            "operations": {"o": {"action": "receive", "channel": {"$ref": "#/channels/c"}}},
        }
    )


def nested(depth: int, word: str = "properties") -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(depth):
        schema = {word: {"a": schema}} if word == "properties" else {word: [schema]}
    return schema


def multiplied(line: Callable[[int], str], levels: int) -> str:
    return "".join(line(level) for level in range(levels))


LISTS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + multiplied(
    lambda n: f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n", 30
)
MAPPINGS = "a0: &a0 {x: 1}\n" + multiplied(
    lambda n: f"a{n + 1}: &a{n + 1} {{{', '.join(f'k{k}: *a{n}' for k in range(10))}}}\n", 30
)
MERGED = "a0: &a0 {" + ", ".join(f"k{k}: 1" for k in range(1000)) + "}\nb:\n" + "- <<: *a0\n" * 9999

REFUSED = {
    "lists of aliases": (LISTS, "too-complex"),
    "mappings of aliases": (MAPPINGS, "too-complex"),
    "an alias in itself": ("a: &a [*a]", "syntax"),
    "merged without end": (MERGED, "too-complex"),
    "merged into itself": ("a: &a {<<: *a}", "syntax"),
    "a tag that makes an object": ("a: !!python/object/apply:os.abort []", "not-asyncapi"),
    "a tag of its own": ("a: !" + "x" * 1_000_000 + " b", "syntax"),
    "lists in lists": ("[" * 1_000_000, "too-complex"),
    "dashes in dashes": ("- " * 1_000_000, "too-complex"),
    "mappings in mappings": ("{a: " * 1_000_000, "too-complex"),
    "keys of keys": ("? " * 1_000_000, "too-complex"),
    "a wide list": ("a:\n" + "- 1\n" * 1_000_000, "too-complex"),
    "a wide mapping": ("".join(f"k{n}: 1\n" for n in range(300_000)), "too-complex"),
    "a number of many digits": ("a: " + "9" * 5_000_000, "syntax"),
    "a hexadecimal number": ("a: 0x" + "f" * 5_000_000, "syntax"),
    "a large exponent": ("a: 1e" + "9" * 5_000_000, "syntax"),
    "a null byte": ("asyncapi: 3.0.0\na: b\0c", "syntax"),
    "a null byte that is escaped": (small(message='name: "a\\0b"'), "invalid-value"),
    "half a character": ('a: "\\ud800"', "syntax"),
    "a key twice": ("a: 1\n'a': 2", "duplicate-key"),
    "more than there is room for": ("#" * (16 * 1024**2 + 1), "file-unreadable"),
    "many faults": (
        small() + "components: {schemas: {"
        + ", ".join(f"a{n}: {{type: wrong}}" for n in range(20_000)) + "}}",
        "more-findings",
    ),
    "many references that lead nowhere": (
        small() + "components: {schemas: {"
        + ", ".join(f"a{n}: {{$ref: '#/components/schemas/b{n}'}}" for n in range(20_000)) + "}}",
        "more-findings",
    ),
    "a chain to itself": (
        small() + "components: {messages: {"
        + ", ".join(
            f"a{n}: {{$ref: '#/components/messages/a{(n + 1) % 10_000}'}}" for n in range(10_000)
        ) + "}}",
        "reference-cycle",
    ),
    "a pointer of many steps": (
        small(payload="{$ref: '#" + "/channels" * 500_000 + "'}"),
        "reference-dangling",
    ),
}  # fmt: skip

JSON_REFUSED = {
    "lists in lists": ("[" * 1_000_000, "too-complex"),
    "mappings in mappings": ('{"a":' * 1_000_000, "too-complex"),
    "a wide list": ("[" + ",".join(["1"] * 1_000_000) + "]", "too-complex"),
    "a number of many digits": ("[" + "9" * 5_000_000 + "]", "syntax"),
    "a string without end": ('["' + "\\\\" * 5_000_000, "syntax"),
    "half a character": ('["\\udfff"]', "syntax"),
}

ENDED: dict[str, str] = {
    "deep properties": message(nested(40)),
    "deep alternatives": message(nested(40, "anyOf")),
    "deep conjunctions": message(nested(40, "allOf")),
    "a long text": small() + "x-long: '" + "x" * 15_000_000 + "'\n",
    "long descriptions": message({"type": "object", "description": "x\n" * 500_000}),
    "a long name": message({}, name="x" * 1_000_000),
    "a long property": message({"properties": {"x" * 1_000_000: {}}}),
    "many properties": message({"properties": {f"p{n}": {"type": "string"} for n in range(2000)}}),
    "a long enum": message({"enum": [f"value-{n}" for n in range(20_000)]}),
    "a long constant": message({"const": "x" * 1_000_000}),
    "a long pattern": message({"type": "string", "pattern": "x" * 1_000_000}),
    "a pattern that explodes": message({"type": "string", "pattern": "((a+)+)+$"}),
    "a pattern that multiplies": message({"type": "string", "pattern": "((a{999}){999}){999}"}),
    "a pattern in a pattern": message({"type": "string", "pattern": "(" * 9999 + ")" * 9999}),
    "large bounds": message({"type": "integer", "minimum": 10**300, "maximum": 10**308}),
    "large sizes": message({"type": "string", "minLength": 10**300, "maxLength": 10**301}),
    "a small multiple": message({"type": "number", "multipleOf": 5e-324}),
    "large values": message({"enum": [10**300, 2**64, -(2**63) - 1], "default": 10**300}),
    "many partitions": small(channel="bindings: {kafka: {partitions: " + "9" * 300 + "}}"),
    "a schema of itself": message({"$ref": "#/channels/c/messages/m/payload"}),
    "a union of itself": message({"anyOf": [{"$ref": "#/channels/c/messages/m/payload"}]}),
    "a conjunction of itself": message({"allOf": [{"$ref": "#/channels/c/messages/m/payload"}]}),
    "conditions of itself": message(
        {"then": {"$ref": "#/channels/c/messages/m/payload"}, "else": {"properties": {"a": {}}}}
    ),
    "conditions that multiply": json.dumps(
        json.loads(message({"anyOf": [{"$ref": f"#/components/schemas/s{n}"} for n in range(500)]}))
        | {
            "components": {
                "schemas": {
                    f"s{n}": {"then": {"$ref": "#/components/schemas/Large"}} for n in range(500)
                }
                | {"Large": {"properties": {f"p{n}": {} for n in range(5000)}}}
            }
        }
    ),
    "items of itself": message({"items": {"$ref": "#/channels/c/messages/m/payload"}}),
}


def refused(cases: dict[str, tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("text", "rule"), cases.values(), ids=cases)


@refused(REFUSED)
def test_it_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    code, said = run(tmp_path, text)
    assert code == 2
    assert f"[{rule}]" in said


@refused(JSON_REFUSED)
def test_json_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    code, said = run(tmp_path, text, "asyncapi.json")
    assert code == 2
    assert f"[{rule}]" in said


@pytest.mark.parametrize("text", ENDED.values(), ids=ENDED)
def test_it_comes_to_an_end(tmp_path: Path, text: str) -> None:
    name = "asyncapi.json" if text.startswith("{") else "asyncapi.yaml"
    code, said = run(tmp_path, text, name)
    assert (code == 2) == ("error[" in said)
    assert len(said) < 1_000_000
