"""Schemas to models, for the tests: a document with one message, generated and imported."""

import importlib
import itertools
import sys
from pathlib import Path
from textwrap import indent
from types import ModuleType

from pydantic import BaseModel

from axion_gen.asyncapi import Contract, Diagnostics, read_contract
from axion_gen.render.formatting import formatted
from axion_gen.render.models import messages_source, schema_models
from axion_gen.render.plan import plan

COUNT = itertools.count(1)
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Small, version: 1.0.0}
channels:
  things:
    address: things
    messages:
      thing.made:
        payload:
PAYLOAD
operations:
  take: {action: receive, channel: {$ref: '#/channels/things'}}
components:
  schemas:
SCHEMAS
"""


class Models:
    """What was made of a document's schemas."""

    def __init__(
        self, module: ModuleType, source: str, rules: list[str], contract: Contract
    ) -> None:
        self.module = module
        self.contract = contract
        self.source = source
        """`messages.py`."""
        self.rules = rules
        """The ids of what was diagnosed."""

    def __getitem__(self, name: str) -> type[BaseModel]:
        found: type[BaseModel] = getattr(self.module, name)
        return found

    def read(self, text: str, name: str = "ThingMade") -> BaseModel:
        """Read a message as the runtime does."""
        return self[name].__pydantic_validator__.validate_json(text)  # type: ignore[no-any-return]

    def round_trip(self, text: str, name: str = "ThingMade") -> str:
        """Read a message, and write it again."""
        return written(self.read(text, name))


def written(message: BaseModel) -> str:
    """A message as the client writes it."""
    serializer = message.__pydantic_serializer__
    return serializer.to_json(message, by_alias=True, exclude_unset=True).decode()


def fields(*lines: str, required: str = "") -> str:
    """An object of some properties, in YAML."""
    demanded = f"\nrequired: [{required}]" if required else ""
    return "type: object\nproperties:\n" + "\n".join(f"  {line}" for line in lines) + demanded


def models(folder: Path, payload: str, schemas: str = "{}") -> Models:
    """The models of a payload and of schemas beside it, both in YAML."""
    text = DOCUMENT.replace("PAYLOAD", indent(payload.strip("\n"), " " * 10))
    return models_of(folder, text.replace("SCHEMAS", indent(schemas.strip("\n"), " " * 4)))


def models_of(folder: Path, text: str) -> Models:
    """The models of a whole document."""
    document = folder / "asyncapi.yaml"
    document.write_text(text, encoding="utf-8")
    diagnostics = Diagnostics()
    contract = read_contract(document, diagnostics)
    assert contract is not None, list(diagnostics)
    names = plan(contract, diagnostics)
    assert names is not None, list(diagnostics)
    text = messages_source(names, schema_models(names))
    source = formatted({"messages.py": text})["messages.py"]
    name = f"models_{next(COUNT)}"
    (folder / f"{name}.py").write_text(source.replace("from .runtime", "from axion_gen.runtime"))
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
    return Models(module, source, [finding.rule for finding in diagnostics], contract)
