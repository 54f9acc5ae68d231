"""What type checkers say of the package, and of the code of its users."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .generating import ITEMS, package
from .type_checkers import MYPY, PYRIGHT, checked

USER = """\
from typing import final
from uuid import UUID

from items.bus.client import Client
from items.bus.handlers import Context, Handlers
from items.bus.kafka import Bus
from items.bus.messages import ItemCreate, ItemCreated, ItemDelete, ItemRejected, ItemUpdate
from items.bus.runtime import Metadata


@final
class ItemHandlers(Handlers):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        await context.client.emit(
            "item.events", ItemCreated(id=message.id, name=message.name, version=1)
        )
        await context.client.emit("item.events", ItemRejected(id=message.id, reason="exists"))

    async def on_item_update(self, message: ItemUpdate, context: Context) -> None:
        user: str = context.user_id

    async def on_item_delete(self, message: ItemDelete, context: Context) -> None: ...


async def serve(client: Client, id: UUID) -> str:
    async with Bus("items").run(ItemHandlers()):
        pass
    return await client.emit(
        "item.commands", ItemDelete(id=id), key=id, metadata=Metadata(user_id="u", project_id=id)
    )
"""

WRONG = """\
from typing import final
from uuid import UUID

from items.bus.client import Client
from items.bus.handlers import Context, Handlers
from items.bus.messages import ItemCreate, ItemDelete, ItemRejected, ItemUpdate


@final
class Missing(Handlers):  # on_item_delete
    async def on_item_create(self, message: ItemCreate, context: Context) -> None: ...

    async def on_item_update(self, message: ItemUpdate, context: Context) -> None: ...


async def use(client: Client, id: UUID) -> None:
    await client.emit("item.event", ItemDelete(id=id))  # no such topic
    await client.emit("item.events", ItemDelete(id=id))  # not sent on this topic
    await client.emit("item.commands", ItemDelete(id=id), key=3)  # no type for a key
    ItemRejected(id=id, reason="because")  # not among the reasons
    ItemDelete()  # no id
"""
WRONG_LINES = {n for n, line in enumerate(WRONG.splitlines(), 1) if "  # " in line}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    package(folder, ITEMS, "items")
    (folder / "user.py").write_text(USER)
    (folder / "wrong.py").write_text(WRONG)
    return folder


def test_mypy_takes_package_and_user_code(service: Path) -> None:
    assert "Success" in checked(service, *MYPY, "items", "user.py")


def test_pyright_takes_package_and_user_code(service: Path) -> None:
    said = checked(service, *PYRIGHT, "items", "user.py")
    assert "0 errors, 0 warnings" in said, said


def test_mypy_points_at_each_mistake(service: Path) -> None:
    said = checked(service, *MYPY, "wrong.py")
    errors = [line for line in said.splitlines() if ": error:" in line]
    assert {int(line.split(":")[1]) for line in errors} == WRONG_LINES, said
    assert "on_item_delete" in errors[0]


def test_pyright_points_at_each_mistake(service: Path) -> None:
    said = checked(service, *PYRIGHT, "wrong.py")
    errors = [line for line in said.splitlines() if " - error:" in line]
    lines = {int(line.split(" - ")[0].rsplit(":", 2)[1]) for line in errors}
    assert lines == WRONG_LINES, said
    assert "on_item_delete" in said


def test_ruff_has_nothing_to_say(service: Path) -> None:
    files = list((service / "items" / "bus").glob("*.py"))
    assert files
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    select = "--select=A,ASYNC,B,C4,E,F,I,N,PERF,PIE,RET,RUF,SIM,UP,W"
    for arguments in (["check", select], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *arguments, "--isolated", "--no-cache", "--config=line-length=100", *files],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
