"""Documents that mean harm, or look as if: they are diagnosed, or what they make is harmless."""

import ast
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axion_gen.asyncapi import Diagnostics, read_contract
from axion_gen.asyncapi.diagnostics import shown
from axion_gen.render import render

from .generating import imported, package

SNIPPETS = [
    '"""', "'''", '"', "'", "\\", '\\"', "\n", "\r", "\x00", "\u2028", "\u202e", "\x85", "\t",
    "{{ x }}", "{% raw %}", "{# #}", "%s", "{0}", ")]}", "# type: ignore", "lambda: 0", "$ref",
    "__import__('os').abort()", "\"\"\"\n__import__('os').abort()\n\"\"\"", "'+__import__('os')+'",
    "class", "def", "None", "match", "self", "message", "str", "list", "date", "model_config",
    "copy", "json", "__init__", "__class__", "_", "__", "Any", "Model", "Client", "UUID", "Item",
    "a-b", "a.b", "A B", "3d", "ﬁ", "ŉ", "ß", "名", "²", "٣", "\U0001f600", "x" * 300, "../..", "~",
]  # fmt: skip

names = st.one_of(
    st.sampled_from(SNIPPETS),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.lists(st.sampled_from(SNIPPETS), max_size=3).map("".join),
)
scalars = st.one_of(
    names,
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
)
types = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])


def schemas(components: list[str]) -> st.SearchStrategy[Any]:
    keywords = {
        "type": st.one_of(types, st.lists(types, min_size=1, max_size=2)),
        "description": names,
        "title": names,
        "enum": st.lists(scalars, min_size=1, max_size=3),
        "const": scalars,
        "default": scalars,
        "pattern": names,
        "format": st.one_of(st.sampled_from(["date", "date-time", "uuid", "time"]), names),
        "minLength": st.integers(0, 3),
        "discriminator": names,
        # what some generators take from a schema, as code
        "customTypePath": st.just("os.abort"),
        "customBasePath": st.just("os.abort"),
        "x-python-type": names,
        "x-python-import": st.just({"module": "os", "name": "abort"}),
    }
    pointers = [name.replace("~", "~0").replace("/", "~1") for name in components]
    references = st.sampled_from(pointers).map(
        lambda pointer: {"$ref": "#/components/schemas/" + pointer.replace("%", "%25")}
    )
    return st.recursive(
        st.one_of(st.fixed_dictionaries({}, optional=keywords), references),
        lambda inner: st.one_of(
            st.fixed_dictionaries(
                {"properties": st.dictionaries(names, inner, max_size=4)},
                optional={"required": st.lists(names, max_size=2), "description": names},
            ),
            st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
            st.fixed_dictionaries({"additionalProperties": inner}),
            *(
                st.fixed_dictionaries({word: st.lists(inner, min_size=1, max_size=3)})
                for word in ("oneOf", "anyOf", "allOf")
            ),
        ),
        max_leaves=8,
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    components = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    payloads = schemas(components)
    message = st.fixed_dictionaries(
        {"payload": payloads},
        optional={
            "name": names,
            "description": names,
            "x-axion-key": names.map(lambda name: f"$message.payload#/{name}"),
        },
    )
    return {
        "asyncapi": "3.0.0",
        "info": {"title": draw(names), "version": draw(names), "description": draw(names)},
        "channels": {
            "c": {
                "address": "topic",
                "description": draw(names),
                "messages": draw(st.dictionaries(names, message, max_size=3)),
            }
        },
        "operations": {
            draw(names): {"action": action, "channel": {"$ref": "#/channels/c"}}
            for action in ("receive", "send")
        },
        "components": {"schemas": {name: draw(payloads) for name in components}},
    }


@settings(max_examples=60)
@given(documents())
def test_it_ends_in_diagnostics_or_in_code_that_compiles(document: dict[str, object]) -> None:
    with TemporaryDirectory() as place:
        path = Path(place) / "asyncapi.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        found = Diagnostics()
        contract = read_contract(path, found)
        files = render(contract, Path(place) / "bus", found) if contract is not None else None
    if files is None:
        assert found.has_errors
        return
    for name, text in files.items():
        if name.endswith(".py") and not name.startswith("runtime/"):
            tree = ast.parse(text)
            # Apart from `__main__`, which holds nothing of a document, nothing imports more.
            imports = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            assert name == "__main__.py" or not imports & {"os", "sys", "subprocess"}
            assert name == "__main__.py" or "abort" not in {
                n.id for n in ast.walk(tree) if isinstance(n, ast.Name)
            }


@pytest.mark.parametrize("snippet", SNIPPETS, ids=ascii)
def test_text_does_nothing_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snippet: str
) -> None:
    """It is imported, too: `os.abort()` anywhere would end the tests."""
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": snippet, "version": snippet, "description": snippet},
        "channels": {
            "c": {
                "address": "topic",
                "description": snippet,
                "messages": {
                    "made": {
                        "description": snippet,
                        "payload": {
                            "description": snippet,
                            "properties": {
                                snippet: {"type": "string", "description": snippet},
                                "a": {"enum": [snippet], "default": snippet},
                                "b": {"const": snippet},
                                "c": {"type": "object", "properties": {snippet: {}}},
                                "d": {"$ref": "#/components/schemas/Named"},
                            },
                        },
                    }
                },
            }
        },
        "operations": {
            f"1{snippet}": {"action": "receive", "channel": {"$ref": "#/channels/c"}},
            f"2{snippet}": {"action": "send", "channel": {"$ref": "#/channels/c"}},
        },
        "components": {"schemas": {"Named": {"description": snippet, "type": "string"}}},
    }
    path = tmp_path / "asyncapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    name = f"hostile{SNIPPETS.index(snippet)}"
    bus = package(tmp_path, path, name)
    topics = imported(monkeypatch, tmp_path, f"{name}.bus.topics")
    messages = imported(monkeypatch, tmp_path, f"{name}.bus.messages")
    imported(monkeypatch, tmp_path, f"{name}.bus.handlers")
    assert snippet == topics.CONTRACT.title
    content = json.dumps({"a": snippet, "b": snippet, snippet: snippet})
    made = messages.Made.model_validate_json(content)
    assert json.loads(made.model_dump_json(by_alias=True, exclude_unset=True)) == json.loads(
        content
    )
    assert "\u202e" not in "".join(path.read_text(encoding="utf-8") for path in bus.glob("*.py"))


REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that make source read as it does not run (https://trojansource.codes)."""


def test_no_source_reads_as_it_does_not_run(tmp_path: Path) -> None:
    text = f"a{REORDERING}b"
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": text, "version": text, "description": text},
        "channels": {
            "c": {
                "address": "topic.{p}",
                "description": text,
                "parameters": {"p": {"description": text, "examples": [text]}},
                "messages": {
                    "made": {
                        "description": text,
                        "payload": {
                            "description": text,
                            "properties": {text: {"enum": [text], "description": text}},
                        },
                        "examples": [{"name": text, "payload": {text: text}}],
                    }
                },
            }
        },
        "operations": {
            text: {"action": "receive", "channel": {"$ref": "#/channels/c"}, "summary": text}
        },
    }
    path = tmp_path / "asyncapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    bus = package(tmp_path, path, "turned")
    written = "".join(path.read_text(encoding="utf-8") for path in bus.rglob("*") if path.is_file())
    assert not set(REORDERING) & set(written)


@given(st.text())
def test_what_is_quoted_in_a_message_is_one_printable_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 62
