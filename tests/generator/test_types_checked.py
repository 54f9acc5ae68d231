"""What type checkers and linters say of models of every kind, and of who uses them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .generating import CONTRACTS, package
from .type_checkers import MYPY, PYRIGHT, checked

USER = """\
from typing import assert_type
from uuid import uuid4

from schemas.bus.client import Client
from schemas.bus.messages import Cat, Dog, OrderLinesItem, OrderPlaced, OrderState, Pet


async def use(client: Client, pet: Pet) -> None:
    line = OrderLinesItem(sku="a")
    order = OrderPlaced(id=uuid4(), kind="order", lines=[line], pair=("a", None), order_id="x")
    assert_type(order.state, OrderState)
    await client.emit("c", order)
    await client.emit("c", Pet(Cat(kind="Cat", lives=9)))
    if isinstance(pet.root, Dog):
        assert_type(pet.root.name, str)
"""
WRONG = """\
from uuid import uuid4

from schemas.bus.messages import Cat, Dog, OrderLinesItem, OrderPlaced

cat = Cat(kind="Dog")  # wrong
dog = Dog(kind="Dog")  # no name
dog.name = "x"  # it does not change
OrderPlaced(id=uuid4(), kind="order", lines=[cat])  # no line
OrderPlaced(id=uuid4(), kind="order", lines=[], pair=("a", None, 1))  # three
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service")
    package(folder, CONTRACTS / "schemas.yaml", "schemas")
    (folder / "user.py").write_text(USER)
    (folder / "wrong.py").write_text(WRONG)
    return folder


WRONG_LINES = {number for number, line in enumerate(WRONG.splitlines(), 1) if "  # " in line}


def test_mypy(service: Path) -> None:
    assert "Success" in checked(service, *MYPY, "schemas", "user.py")
    said = checked(service, *MYPY, "wrong.py")
    errors = [line for line in said.splitlines() if ": error:" in line]
    assert {int(line.split(":")[1]) for line in errors} == WRONG_LINES, errors


def test_pyright(service: Path) -> None:
    answer = checked(service, *PYRIGHT, "schemas", "user.py")
    assert "0 errors, 0 warnings" in answer, answer
    lines = [x for x in checked(service, *PYRIGHT, "wrong.py").splitlines() if " - error:" in x]
    assert {int(line.split(" - ")[0].rsplit(":", 2)[1]) for line in lines} == WRONG_LINES, lines


def test_ruff(service: Path) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    select = "--select=A,ASYNC,B,C4,E,F,I,N801,N802,PERF,PIE,RET,RUF,SIM,UP,W"
    for arguments in (["check", select], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *arguments, "--isolated", "--no-cache", "--config=line-length=100"]
            + [str(path) for path in (service / "schemas" / "bus").glob("*.py")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
