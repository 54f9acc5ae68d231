"""Documents to packages, for the tests: in this process, or by the command."""

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType, ModuleType

import pytest

from axion_gen.asyncapi import Contract, Diagnostics, Perspective, read_contract
from axion_gen.asyncapi.diagnostics import Diagnostic
from axion_gen.output import write
from axion_gen.render import render

CONTRACTS = Path(__file__).parent / "contracts"
ITEMS = CONTRACTS / "items.yaml"


@dataclass(frozen=True)
class Answer:
    """What the command said."""

    code: int
    out: str
    err: str


def axion_gen(
    *arguments: str | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """Run the command as its users do; it never shows a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "axion_gen", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def found_in(folder: Path, text: str, name: str = "asyncapi.yaml") -> list[Diagnostic]:
    """Everything that is said about a document, reading and rendering it."""
    diagnostics = Diagnostics()
    document = folder / name
    document.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    contract = read_contract(document, diagnostics)
    if contract is not None:
        render(contract, folder / "bus", diagnostics)
    return list(diagnostics)


def warned(
    folder: Path, text: str, perspective: Perspective = "application"
) -> tuple[Contract, list[str]]:
    """The contract of a document, and the rules of the warnings about it."""
    diagnostics = Diagnostics()
    document = folder / "asyncapi.yaml"
    document.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    contract = read_contract(document, diagnostics, perspective=perspective)
    assert contract is not None, list(diagnostics)
    return contract, [finding.rule for finding in diagnostics]


def contract_of(folder: Path, text: str) -> Contract:
    """The contract of a document in which nothing is wrong, not even a little."""
    diagnostics = Diagnostics()
    document = folder / "asyncapi.yaml"
    document.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    contract = read_contract(document, diagnostics)
    assert contract is not None, list(diagnostics)
    assert not list(diagnostics)
    return contract


def rendered(document: Path) -> dict[str, str]:
    """The package of a document, but for the runtime in it."""
    diagnostics = Diagnostics()
    contract = read_contract(document, diagnostics)
    assert contract is not None, list(diagnostics)
    files = render(contract, document.parent / "bus", diagnostics)
    assert files is not None, list(diagnostics)
    return {name: text for name, text in files.items() if not name.startswith("runtime/")}


def package(folder: Path, document: Path, name: str) -> Path:
    """Generate the package `<name>.bus` below a folder."""
    diagnostics = Diagnostics()
    contract = read_contract(document, diagnostics)
    assert contract is not None, list(diagnostics)
    bus = folder / name / "bus"
    files = render(contract, bus, diagnostics)
    assert files is not None, list(diagnostics)
    write(bus, files)
    (folder / name / "__init__.py").touch()
    return bus


def imported(monkeypatch: pytest.MonkeyPatch, folder: Path, module: str) -> ModuleType:
    """Import a module of a package below a folder, whatever other one has had its name."""
    package = module.partition(".")[0]
    known = sys.modules.get(package)
    if known is not None and str(folder / package) not in known.__path__:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()  # it may have looked there in this very moment
    return importlib.import_module(module)


def small(channel: str = "", message: str = "", payload: str = "{type: object}") -> str:
    """A document with one message, received on one topic; parts are in YAML's flow style."""
    return f"""\
asyncapi: 3.0.0
info: {{title: Small, version: 1.0.0}}
channels:
  things:
    address: things
    {channel}
    messages:
      thing.made:
        {message}
        payload: {payload}
operations:
  take:
    action: receive
    channel: {{$ref: '#/channels/things'}}
"""
