"""Examples of a document, as messages for the tests of a service."""

import importlib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from .generating import ITEMS, contract_of, found_in, imported, package, rendered, small

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Orders, version: 1.0.0}
channels:
  orders:
    address: orders
    messages:
      order.placed:
        payload: {$ref: '#/components/schemas/Order'}
        examples:
__EXAMPLES__
operations:
  take: {action: receive, channel: {$ref: '#/channels/orders'}}
components:
  schemas:
    Order:
      type: object
      required: [id, lines]
      properties:
        id: {type: string, format: uuid}
        placed-at: {type: string, format: date-time}
        lines:
          type: array
          minItems: 1
          items:
            type: object
            required: [sku]
            properties: {sku: {type: string}, count: {type: integer, minimum: 1}}
"""
ORDER = "{id: 018f0e2e-7c4b-7000-8000-000000000001, lines: [{sku: a}]}"


def orders(*examples: str) -> str:
    lines = "".join(f"          - {example}\n" for example in examples)
    return DOCUMENT.replace("__EXAMPLES__\n", lines)


def module_of(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, document: Path) -> Any:
    package(folder, document, name)
    return imported(monkeypatch, folder, f"{name}.bus.examples")


async def test_an_example_is_a_message_that_a_handler_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = module_of(tmp_path, monkeypatch, "exampled", ITEMS)
    handlers = importlib.import_module("exampled.bus.handlers").Handlers
    seen: list[tuple[object, object]] = []

    async def keep(_: object, message: object, context: Any) -> None:
        seen.append((message, dict(context.headers)["tenant"]))

    class_ = type("Kept", (handlers,), dict.fromkeys(handlers.__abstractmethods__, keep))
    bus = importlib.import_module("exampled.bus.testing").MemoryBus(class_())
    await bus.deliver(examples.ITEM_CREATE_CUP, headers=examples.ITEM_CREATE_CUP_HEADERS)
    assert seen == [(examples.ITEM_CREATE_CUP, b"north")]
    assert examples.ITEM_CREATE_CUP.name == "cup"


def test_what_a_schema_has_is_for_messages_without_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = module_of(tmp_path, monkeypatch, "fallback", ITEMS)
    messages = importlib.import_module("fallback.bus.messages")
    made = {n: type(v) for n, v in vars(examples).items() if n.isupper() and "HEADERS" not in n}
    assert made == {
        "ITEM_CREATE_CUP": messages.ItemCreate,
        "ITEM_CREATED": messages.ItemCreated,
        "ITEM_UPDATED": messages.ItemUpdated,
    }
    assert examples.ITEM_CREATED.made_at.year == 2026


def test_without_examples_there_is_no_such_module(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.yaml"
    document.write_text(orders().replace("examples:", "examples: []"))
    assert "examples.py" not in rendered(document)


def test_names_stay_when_others_come(tmp_path: Path) -> None:
    contract_of(tmp_path, orders(f"{{name: small one, payload: {ORDER}}}", f"{{payload: {ORDER}}}"))
    before = constants(rendered(tmp_path / "asyncapi.yaml")["examples.py"])
    contract_of(
        tmp_path,
        orders(
            f"{{name: small one, payload: {ORDER}}}",
            f"{{payload: {ORDER}}}",
            f"{{payload: {ORDER}, headers: {{a: 1, b: [x]}}}}",
        ),
    )
    after = constants(rendered(tmp_path / "asyncapi.yaml")["examples.py"])
    assert before == ["ORDER_PLACED_SMALL_ONE", "ORDER_PLACED_2"]
    assert after == [*before, "ORDER_PLACED_3", "ORDER_PLACED_3_HEADERS"]


def constants(source: str) -> list[str]:
    return [line.partition(":")[0] for line in source.splitlines() if ": Final = " in line]


def test_headers_are_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "asyncapi.yaml"
    document.write_text(orders(f"{{payload: {ORDER}, headers: {{a: 1, b: [x], c: true, d: t}}}}"))
    examples = module_of(tmp_path, monkeypatch, "headed", document)
    assert examples.ORDER_PLACED_HEADERS == {"a": "1", "b": '["x"]', "c": "true", "d": "t"}


@pytest.mark.parametrize(
    ("payload", "place", "said"),
    [
        ("{id: 4, lines: [{sku: a}]}", "4,", "at `id`"),
        ("{id: 018f0e2e-7c4b-7000-8000-000000000001, lines: []}", "[]", "at `lines`"),
        (ORDER.replace("{sku: a}", "{sku: a}, {count: 1}"), "{count", "at `lines/1/sku`"),
        (ORDER.replace("sku: a", "sku: a, count: 0"), "0}", "at `lines/0/count`"),
        ("{$ref: '#/info/title'}", "{$ref", "should be an object"),
        ("text", "text", "should be an object"),
    ],
)
def test_what_is_no_such_message_is_a_warning(
    tmp_path: Path, payload: str, place: str, said: str
) -> None:
    (finding,) = found_in(tmp_path, orders(f"payload: {payload}"))
    location = finding.location
    assert finding.rule == "example-invalid"
    assert said in finding.message
    assert location.source.line(location.line)[location.column - 1 :].startswith(place)


def test_only_what_is_wrong_is_left_out(tmp_path: Path) -> None:
    text = orders("{name: bad, payload: 1}", f"{{name: good, payload: {ORDER}}}")
    (finding,) = found_in(tmp_path, text)
    assert "`bad`" in finding.message
    assert constants(rendered(tmp_path / "asyncapi.yaml")["examples.py"]) == ["ORDER_PLACED_GOOD"]


def test_examples_of_one_name(tmp_path: Path) -> None:
    text = orders(f"{{name: a-b, payload: {ORDER}}}", f"{{name: a b, payload: {ORDER}}}")
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["name-collision"]
    made = constants(rendered(tmp_path / "asyncapi.yaml")["examples.py"])
    assert made == ["ORDER_PLACED_A_B", "ORDER_PLACED_A_B_2"]


def test_a_message_on_two_topics_has_its_examples_once(tmp_path: Path) -> None:
    document = tmp_path / "asyncapi.yaml"
    document.write_text(
        dedent(f"""\
        asyncapi: 3.0.0
        info: {{title: Two, version: 1.0.0}}
        channels:
          one: {{address: one, messages: {{made: {{$ref: '#/components/messages/made'}}}}}}
          two: {{address: two, messages: {{made: {{$ref: '#/components/messages/made'}}}}}}
        operations:
          first: {{action: send, channel: {{$ref: '#/channels/one'}}}}
          second: {{action: send, channel: {{$ref: '#/channels/two'}}}}
        components:
          messages:
            made: {{payload: {{type: object}}, examples: [{{payload: {ORDER}}}]}}
        """)
    )
    assert constants(rendered(document)["examples.py"]) == ["MADE"]


@pytest.mark.parametrize(
    "payload", ["[" * 70 + "]" * 70, "{$ref: '#/x-deep'}"], ids=["deep", "far"]
)
def test_what_is_too_deep_for_a_literal(tmp_path: Path, payload: str) -> None:
    text = orders(f"payload: {payload}").replace("{$ref: '#/components/schemas/Order'}", "{}", 1)
    text += f"x-deep: {'[' * 70 + ']' * 70}\n"
    assert [finding.rule for finding in found_in(tmp_path, text)] == ["example-invalid"]


def test_all_that_types_say_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = """
          type: [object, 'null']
          properties:
            distinct: {type: array, uniqueItems: true}
            pair: {type: array, items: [{type: integer}, {type: string}], minItems: 2, maxItems: 2}
            map: {type: object, additionalProperties: {type: number}, maxProperties: 2}
            colour: {type: string, enum: [red, blue], x-enum-varnames: [RED, BLUE]}
            either: {oneOf: [{type: integer}, {type: 'null'}]}
            bytes: {type: string, format: binary, maxLength: 3}
            sum: {type: number, format: decimal}
            self: {$ref: '#/channels/things/messages/thing.made/payload'}
          patternProperties: {}
          additionalProperties: {type: boolean}
          examples:
"""
    right = [
        "null",
        "{distinct: [1, true, [1]], pair: [1, a], map: {a: 1, b: 2.5}, colour: red, either: null}",
        "{bytes: abc, sum: 1.25, self: {self: null, more: true}}",
    ]
    wrong = [
        "{distinct: [[1], [1]]}",
        "{pair: [1]}",
        "{map: {a: 1, b: 2, c: 3}}",
        "{colour: green}",
        "{either: a}",
        "{bytes: abcd}",
        "{sum: a}",
        "{self: {self: 1}}",
        "{more: 3}",
    ]
    lines = "".join(f"            - {example}\n" for example in (*right, *wrong))
    found = found_in(tmp_path, small(payload=payload + lines))
    assert [finding.rule for finding in found] == ["example-invalid"] * len(wrong)
    examples = module_of(tmp_path, monkeypatch, "checked", tmp_path / "asyncapi.yaml")
    assert examples.THING_MADE.root is None
    assert constants(rendered(tmp_path / "asyncapi.yaml")["examples.py"]) == [
        "THING_MADE",
        "THING_MADE_2",
        "THING_MADE_3",
    ]


def test_examples_that_multiply_end(tmp_path: Path) -> None:
    large = ", ".join(["0"] * 40_000)
    text = orders(*["payload: {$ref: '#/x-large'}"] * 2_000) + f"x-large: [{large}]\n"
    assert "too-complex" in {finding.rule for finding in found_in(tmp_path, text)}
