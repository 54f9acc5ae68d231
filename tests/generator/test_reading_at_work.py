"""Documents of every version, generated, imported and run."""

import importlib
from pathlib import Path

import pytest

from .generating import imported, package

ORDERS = """\
asyncapi: 2.6.0
info: {title: Orders, version: 1.0.0}
channels:
  /orders/{region}:
    parameters: {region: {schema: {type: string, enum: [eu, us]}}}
    publish:
      message: {$ref: '#/components/messages/OrderPlaced'}
    subscribe:
      message:
        oneOf:
          - {name: order.accepted, payload: {$ref: '#/components/schemas/Order'}}
          - {name: order.refused, payload: {type: object, properties: {why: {type: string}}}}
components:
  messages:
    OrderPlaced: {payload: {$ref: '#/components/schemas/Order'}}
  schemas:
    Order: {type: object, required: [id], properties: {id: {type: string}}}
"""
SHOP = """
from typing import final

from shop.bus.handlers import Context, Handlers
from shop.bus.messages import OrderAccepted, OrderPlaced
from shop.bus.topics import OrdersRegionTopic


@final
class Shop(Handlers):
    async def on_order_placed(self, message: OrderPlaced, context: Context) -> None:
        topic = OrdersRegionTopic.of(context.parameters)
        await context.client.emit(topic, OrderAccepted(id=message.id))
"""
PING = """\
asyncapi: 3.1.0
info: {title: Ping, version: 1.0.0}
channels:
  pings:
    address: pings
    messages:
      ping: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
  pongs:
    address: null
    messages:
      pong: {payload: {type: object, required: [id], properties: {id: {type: string}}}}
operations:
  answer:
    action: receive
    channel: {$ref: '#/channels/pings'}
    reply:
      channel: {$ref: '#/channels/pongs'}
      address: {location: $message.header#/replyTo}
"""
PONG = """
from typing import final

from pong.bus.handlers import Context, Handlers
from pong.bus.messages import Ping, Pong


@final
class Answers(Handlers):
    async def on_ping(self, message: Ping, context: Context) -> Pong:
        return Pong(id=message.id)
"""


def service(folder: Path, name: str, document: str, source: str) -> None:
    """A package `<name>.bus`, and the service's own module beside it."""
    path = folder / f"{name}.yaml"
    path.write_text(document, encoding="utf-8")
    package(folder, path, name)
    (folder / name / "service.py").write_text(source, encoding="utf-8")


async def test_version_2_receives_what_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(tmp_path, "shop", ORDERS, SHOP)
    shop = imported(monkeypatch, tmp_path, "shop.service")
    messages = importlib.import_module("shop.bus.messages")
    topics = importlib.import_module("shop.bus.topics")
    bus = importlib.import_module("shop.bus.testing").MemoryBus(shop.Shop())
    await bus.deliver(messages.OrderPlaced(id="7"), topic=topics.OrdersRegionTopic(region="us"))
    assert [(e.topic, e.message_type, e.message) for e in bus.emitted] == [
        ("orders.us", "order.accepted", messages.OrderAccepted(id="7"))
    ]
    assert bus.dead == []


async def test_version_3_replies_to_where_the_request_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(tmp_path, "pong", PING, PONG)
    pong = imported(monkeypatch, tmp_path, "pong.service")
    messages = importlib.import_module("pong.bus.messages")
    bus = importlib.import_module("pong.bus.testing").MemoryBus(pong.Answers())
    delivered = await bus.deliver(messages.Ping(id="7"))
    assert delivered.reply == messages.Pong(id="7")
    assert [emitted.message for emitted in bus.emitted] == [messages.Pong(id="7")]
