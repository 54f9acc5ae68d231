"""Addresses with parameters, in what is generated."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from axion_gen.asyncapi.contract import Parameter
from axion_gen.asyncapi.diagnostics import Diagnostic, Location, Source

from .addressing import addressed, generate
from .generating import imported
from .type_checkers import MYPY, PYRIGHT, checked

ORDERS = """\
asyncapi: 3.0.0
info: {title: Orders, version: 1.0.0}
channels:
  orders:
    address: orders
    messages:
      order.placed: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
  logs:
    address: logs
    messages:
      logged: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
  audit:
    address: audit
    messages:
      audited: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
operations:
  take: {action: receive, channel: {$ref: '#/channels/orders'}}
  put: {action: send, channel: {$ref: '#/channels/orders'}}
  log: {action: receive, channel: {$ref: '#/channels/logs'}}
  writeLog: {action: send, channel: {$ref: '#/channels/logs'}}
  audit: {action: send, channel: {$ref: '#/channels/audit'}}
"""
HERE = Location(Source(Path("orders.yaml"), "orders.yaml"), 7, 5)


def parameter(name: str, *choices: str, description: str = "", **more: Any) -> Parameter:
    return Parameter(name, description, HERE, choices, **more)


REGION = parameter("region", "eu", "us", default="eu", description='Where, "roughly".')
ADDRESSES = addressed(
    {
        "orders": ("orders.{region}", (REGION,)),
        "logs": (
            "logs.{level}.{order-id}",
            (parameter("level", "info", "warn"), parameter("order-id", examples=("a-1",))),
        ),
    }
)

SERVICE = """
from typing import final

from {name}.bus.handlers import Context, Handlers
from {name}.bus.messages import Audited, Logged, OrderPlaced
from {name}.bus.topics import LogsLevelOrderIdTopic, OrdersRegionTopic


@final
class OrderHandlers(Handlers):
    async def on_order_placed(self, message: OrderPlaced, context: Context) -> None:
        topic = LogsLevelOrderIdTopic(level="info", order_id=message.id)
        await context.client.emit(topic, Logged(id=context.parameters["region"]))
        await context.client.emit(OrdersRegionTopic.of(context.parameters), message)
        await context.client.emit("audit", Audited(id=message.id))

    async def on_logged(self, message: Logged, context: Context) -> None: ...
"""


async def test_parameters_on_their_way_through_a_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert generate(tmp_path, "filled", ORDERS, ADDRESSES) == []
    (tmp_path / "filled" / "service.py").write_text(SERVICE.format(name="filled"))
    service = imported(monkeypatch, tmp_path, "filled.service")
    testing = importlib.import_module("filled.bus.testing")
    topics = importlib.import_module("filled.bus.topics")
    messages = importlib.import_module("filled.bus.messages")
    bus = testing.MemoryBus(service.OrderHandlers())
    await bus.deliver(messages.OrderPlaced(id="7"), topic=topics.OrdersRegionTopic(region="us"))
    assert bus.dead == []
    assert [emitted.topic for emitted in bus.emitted] == ["logs.info.7", "orders.us", "audit"]
    assert bus.emitted[0].message == messages.Logged(id="us")
    assert topics.OrdersRegionTopic().address == "orders.eu"
    with pytest.raises(ValueError, match="is none of eu, us"):
        topics.OrdersRegionTopic(region="mars")
    assert topics.CONTRACT.topics[0].names == ("orders.eu", "orders.us")
    assert topics.CONTRACT.topics[1].names is None


def test_documentation_is_that_of_the_parameters(tmp_path: Path) -> None:
    generate(tmp_path, "described", ORDERS, ADDRESSES)
    source = (tmp_path / "described" / "bus" / "topics.py").read_text()
    assert '    region: Literal["eu", "us"] = "eu"\n    """Where, "roughly"."""\n' in source
    assert '    order_id: str\n    """For example a-1."""\n' in source


def found(folder: Path, address: str, *parameters: Parameter, text: str = ORDERS) -> Diagnostic:
    """The one thing that is said about an address."""
    diagnostics = generate(folder, "one", text, addressed({"orders": (address, parameters)}))
    (diagnostic,) = diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (parameter("region", "eu", "a/b"), "`a/b`"),
        (parameter("region", "eu", default="us"), "its default, `us`,"),
        (parameter("region", default="a.b"), "its default, `a.b`,"),
    ],
)
def test_what_no_topic_is_called_is_left_out(tmp_path: Path, wrong: Parameter, named: str) -> None:
    diagnostic = found(tmp_path, "orders.{region}", wrong)
    assert diagnostic.rule == "parameter-value"
    assert f"cannot be {named}" in diagnostic.message
    source = (tmp_path / "one" / "bus" / "topics.py").read_text()
    assert "a/b" not in source
    assert "default" not in source


def test_names_that_collide(tmp_path: Path) -> None:
    both = (parameter("order-id"), parameter("order_id"))
    diagnostic = found(tmp_path, "orders.{order-id}.{order_id}", *both)
    assert diagnostic.rule == "name-collision"
    assert "`order-id` and `order_id` are both `order_id`" in diagnostic.message
    text = ORDERS.replace("audited:", "orders.region.topic:")
    diagnostic = found(tmp_path, "orders.{region}", REGION, text=text)
    assert diagnostic.rule == "name-collision"
    assert "both `OrdersRegionTopic`" in diagnostic.message


@pytest.mark.parametrize(
    ("orders", "logs", "overlap"),
    [
        ("orders.{a}", "{b}.eu", True),
        ("orders.{a}", "orders.{b}", True),
        ("x-{a}.{b}", "{a}-y.{b}", True),
        ("{a}", "{b}-log", True),
        ("orders.{region}", "orders.e{b}", True),
        ("orders.{a}", "logs.{b}", False),
        ("orders.{a}", "orders.{a}.{b}", False),
        ("orders.{region}", "orders.l-{b}", False),
        ("{a}-orders", "{b}-logs", False),
        ("orders.{a}.x", "{b}.eu.y", False),
    ],
)
def test_addresses_that_may_be_one_topic(
    tmp_path: Path, orders: str, logs: str, overlap: bool
) -> None:
    free = (parameter("a"), parameter("b"), REGION)

    def declared(address: str) -> tuple[str, tuple[Parameter, ...]]:
        return address, tuple(p for p in free if f"{{{p.name}}}" in address)

    addresses = addressed({"orders": declared(orders), "logs": declared(logs)})
    rules = [found.rule for found in generate(tmp_path, "two", ORDERS, addresses)]
    assert rules == (["topic-overlap"] if overlap else [])


@pytest.mark.parametrize(
    ("address", "ambiguous"),
    [("{a}{b}", True), ("{a}-{b}", True), ("{a}_{region}", False), ("{a}-x-{b}", False)],
)
def test_parameters_that_a_name_does_not_tell_apart(
    tmp_path: Path, address: str, ambiguous: bool
) -> None:
    parameters = [p for p in (parameter("a"), parameter("b"), REGION) if p.name in address]
    addresses = addressed({"orders": (f"o.{address}", tuple(parameters))})
    rules = [found.rule for found in generate(tmp_path, "two", ORDERS, addresses)]
    assert rules == (["parameters-ambiguous"] if ambiguous else [])


@pytest.mark.parametrize("name", ["address", "of", "class", "_topic", "self", "0", "x-y", "None"])
def test_any_name_of_a_parameter_makes_a_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    package = f"field{abs(hash(name))}"
    addresses = addressed({"orders": (f"orders.{{{name}}}", (parameter(name),))})
    assert generate(tmp_path, package, ORDERS, addresses) == []
    topics = imported(monkeypatch, tmp_path, f"{package}.bus.topics")
    (topic_class,) = [
        thing for thing in vars(topics).values() if getattr(thing, "_topic", None) is not None
    ]
    assert topic_class.of({name: "a"}).address == "orders.a"


def test_text_of_the_document_is_only_text(tmp_path: Path) -> None:
    evil = '"""\nraise SystemExit\n"""\'{{ 7 * 7 }}'
    hostile = parameter("region", "eu", description=evil, examples=(evil,))
    addresses = addressed({"orders": ("o.{region}", (hostile,))})
    assert generate(tmp_path, "hostile", ORDERS, addresses) == []
    compile((tmp_path / "hostile" / "bus" / "topics.py").read_text(), "topics.py", "exec")


WRONG = """
from wrong.bus.client import Client
from wrong.bus.messages import Logged, OrderPlaced
from wrong.bus.topics import LogsLevelOrderIdTopic, OrdersRegionTopic


async def use(client: Client, region: str) -> None:
    await client.emit(OrdersRegionTopic(region="eu"), OrderPlaced(id="1"))
    await client.emit(OrdersRegionTopic(region="eu"), Logged(id="1"))  # not there
    await client.emit("orders.{region}", OrderPlaced(id="1"))  # no topic
    await client.emit("orders.eu", OrderPlaced(id="1"))  # no topic
    OrdersRegionTopic(region="mars")  # no region
    OrdersRegionTopic(region=region)  # not known to be one
    LogsLevelOrderIdTopic(level="info")  # no order
"""
WRONG_LINES = {n for n, line in enumerate(WRONG.splitlines(), 1) if "  # " in line}


def test_type_checkers_take_what_is_right_and_point_at_what_is_wrong(tmp_path: Path) -> None:
    generate(tmp_path, "wrong", ORDERS, ADDRESSES)
    (tmp_path / "wrong" / "service.py").write_text(SERVICE.format(name="wrong"))
    (tmp_path / "use.py").write_text(WRONG)
    assert "Success" in checked(tmp_path, *MYPY, "wrong")
    assert "0 errors, 0 warnings" in checked(
        tmp_path, *PYRIGHT, "wrong/bus/topics.py", "wrong/bus/client.py", "wrong/service.py"
    )
    for said, sign in (
        (checked(tmp_path, *MYPY, "use.py"), ": error:"),
        (checked(tmp_path, *PYRIGHT, "use.py"), " - error:"),
    ):
        lines = [line.split(":")[1] for line in said.splitlines() if sign in line]
        assert {int(line) for line in lines} == WRONG_LINES, said
