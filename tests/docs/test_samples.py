"""Samples of Python, SQL, YAML and TOML in the documentation do what their pages say."""

import ast
import asyncio
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from axion_gen.runtime.sql import create_tables
from axion_gen.settings import Options, settings_of

from ..generator.generating import package
from .blocks import PAGES, ROOT, Block, blocks, of_page

DOCUMENT = ROOT / "docs" / "samples" / "asyncapi.yaml"

PRELUDE = '''\
"""What the samples take for granted: their page's other samples, and the reader's own code."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import final
from uuid import UUID, uuid4

import structlog
from fastapi import FastAPI
from prometheus_client import REGISTRY, make_asgi_app
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from items.bus.client import Client
from items.bus.handlers import Context, Handlers
from items.bus.kafka import Bus
from items.bus.messages import ItemCreate, ItemCreated, ItemRejected, OrderPlaced, Ping, Pong
from items.bus.runtime import KafkaSettings, Metadata
from items.bus.runtime.asgi import BusMiddleware
from items.bus.runtime.logs import ContextFilter, add_context
from items.bus.runtime.metrics import BusCollector
from items.bus.runtime.sql import SqlStore
from items.bus.runtime.stores.redis import RedisStore
from items.bus.runtime.testing import EmbeddedBroker
from items.bus.runtime.tracing import Tracing
from items.bus.testing import MemoryBus
from items.bus.topics import CONTRACT, OrdersRegionTopic


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]


@final
class ItemHandlers(Handlers):
    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        await context.client.emit("item.events", ItemCreated(id=message.id, name=message.name))


url = "redis://localhost"
engine = create_async_engine("sqlite+aiosqlite://")
bus = Bus("items")
client: Client = bus.client
app = FastAPI()
handler = logging.StreamHandler()
command = ItemCreate(id=uuid4(), name="cup")
operation = Item(id=uuid4(), name="cup")
item_id = user_id = project_id = uuid4()
'''


# What `start.md` says is done as a whole, in a service.
PYTHON = [block for block in blocks("python") if block.page.name != "start.md"]


def module_of(block: Block) -> str:
    """A sample as a module: methods in a class, and what awaits in a function."""
    code = block.text
    if "(self" in code.splitlines()[0]:
        code = "class Sample:\n" + indent(code, "    ")
    elif awaits(code):
        code = "async def sample() -> None:\n" + indent(code, "    ")
    names = {name for node in ast.parse(PRELUDE).body for name in named(node)}
    names -= {name for node in ast.parse(code).body for name in named(node)}
    return f"from prelude import {', '.join(sorted(names))}\n\n{code}"


def named(node: ast.stmt) -> Iterator[str]:
    """The names that a statement gives to something, imports and classes among them."""
    for part in ast.walk(node) if isinstance(node, ast.Assign | ast.AnnAssign) else [node]:
        match part:
            case ast.Import(names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


def awaits(code: str) -> bool:
    """Whether something is awaited outside of any function."""
    try:
        compile(code, "sample", "exec")
    except SyntaxError:
        compile(code, "sample", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return True
    return False


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the samples' document, and each sample as a module."""
    folder = tmp_path_factory.mktemp("samples")
    package(folder, DOCUMENT, "items")
    (folder / "prelude.py").write_text(PRELUDE)
    for number, block in enumerate(PYTHON):
        (folder / f"sample_{number}.py").write_text(module_of(block))
    return folder


def test_each_language_is_tested() -> None:
    languages = {block.language for page in PAGES for block in of_page(page)}
    assert languages <= {"", "console", "python", "sh", "sql", "toml", "yaml", "{toctree}"}


def test_types_of_all_python(samples: Path) -> None:
    assert PYTHON
    modules = [f"sample_{number}.py" for number in range(len(PYTHON))]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-color-output"),
            *("--cache-dir", str(ROOT / ".cache" / "mypy-services")),
            *("--implicit-reexport", "prelude.py", *modules),
        ],
        cwd=samples,
        capture_output=True,
        text=True,
        check=False,
    )
    where = "\n".join(f"{module} is {block}" for module, block in zip(modules, PYTHON, strict=True))
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{where}"


def test_tests_of_the_documentation_pass(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(samples))
    ran = []
    for number, block in enumerate(PYTHON):
        if "def test_" not in block.text:
            continue
        names: dict[str, Any] = {}
        exec((samples / f"sample_{number}.py").read_text(), names)
        for name in [name for name in names if name.startswith("test_")]:
            assert inspect.iscoroutinefunction(names[name])
            asyncio.run(names[name]())
            ran.append(name)
    assert ran


async def test_sql_is_right(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/items.db")
    await create_tables(engine)
    async with engine.begin() as connection:
        for block in blocks("sql"):
            for statement in filter(str.strip, block.text.split(";")):
                await connection.execute(text(statement))
    await engine.dispose()


def test_yaml_can_be_read() -> None:
    assert all(yaml.safe_load(block.text) for block in blocks("yaml"))


def test_hooks_for_pre_commit_are_there() -> None:
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    (configured,) = (block for block in blocks("yaml") if block.text.startswith("repos:"))
    (repository,) = yaml.safe_load(configured.text)["repos"]
    assert {hook["id"] for hook in repository["hooks"]} == hooks


def test_settings_of_axion_gen_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [block.text for block in blocks("toml") if "[tool.axion-gen]" in block.text]
    assert tables
    for number, table in enumerate(tables):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "pyproject.toml").write_text(table)
        monkeypatch.chdir(folder)
        written = tomllib.loads(table)["tool"]["axion-gen"]
        settings = settings_of(Options(output=Path("bus")))
        assert settings.document == Path(written["document"])
