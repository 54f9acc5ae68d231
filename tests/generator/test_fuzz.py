"""Whatever is done to a document: an answer, never a traceback; and what is written compiles.

The seeds are this repository's contracts, and with `--corpus` the documents of other projects.
"""

import importlib
import itertools
import re
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from fastavro import parse_schema
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from axion_gen.asyncapi import Diagnostics, read_contract
from axion_gen.output import write
from axion_gen.render import render

from .generating import CONTRACTS
from .mutations import spoiled_texts, spoiled_trees, tree

HERE: Final = Path(__file__).parent
FOLDERS: Final = (CONTRACTS, HERE / "seeds", HERE / "faults")
DOCUMENT: Final = re.compile(r"""["']?asyncapi["']?\s*:""")
NUMBERS: Final = itertools.count()

quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
long = settings(
    quick, max_examples=3000, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
)


@pytest.fixture(scope="module")
def seeds(request: pytest.FixtureRequest) -> list[Path]:
    corpus = request.config.getoption("--corpus")
    folders = (*FOLDERS, *([corpus / "valid", corpus / "invalid"] if corpus else []))
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if DOCUMENT.search(path.read_text(encoding="utf-8"))]


@pytest.fixture(scope="module")
def trees(seeds: list[Path]) -> list[Any]:
    found = [tree(path) for path in seeds]
    return [value for value in found if isinstance(value, dict)]


@pytest.fixture(scope="module")
def texts(seeds: list[Path]) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in seeds if path.stat().st_size < 100_000]


def generated(text: str, name: str, *, importing: bool) -> bool:
    """Generate a package of a text; whether there is one. It compiles, and it can be imported."""
    with TemporaryDirectory() as place:
        document = Path(place, name)
        document.write_bytes(text.encode("utf-8", "surrogatepass"))
        package = f"fuzz{next(NUMBERS)}"
        bus = Path(place, package, "bus")
        found = Diagnostics()
        contract = read_contract(document, found)
        files = render(contract, bus, found) if contract is not None else None
        if files is None:
            assert found.has_errors
            return False
        assert not found.has_errors
        for path, source in files.items():
            if path.endswith(".py") and not path.startswith("runtime/"):
                with warnings.catch_warnings():
                    warnings.simplefilter("error", SyntaxWarning)
                    compile(source, path, "exec")
        if importing:
            write(bus, files)
            sys.path.insert(0, place)
            try:
                importlib.import_module(f"{package}.bus.handlers")
                importlib.import_module(f"{package}.bus.client")
                topics = importlib.import_module(f"{package}.bus.topics")
                for message in [m for topic in topics.CONTRACT.topics for m in topic.messages]:
                    if message.codec is not None:
                        parse_schema(message.codec.schema, _ignore_default_error=True)
            finally:
                sys.path.remove(place)
                for module in [name for name in sys.modules if name.partition(".")[0] == package]:
                    del sys.modules[module]
        return True


@quick
@given(data=st.data())
def test_a_tree_that_was_changed(trees: list[Any], data: st.DataObject) -> None:
    importing = data.draw(st.booleans())
    done = generated(data.draw(spoiled_trees(trees)), "asyncapi.json", importing=importing)
    event("generated" if done else "refused")


@quick
@given(data=st.data())
def test_a_text_that_was_changed(texts: list[str], data: st.DataObject) -> None:
    generated(data.draw(spoiled_texts(texts)), "asyncapi.yaml", importing=False)


@pytest.mark.slow
@long
@given(data=st.data())
def test_many_trees_that_were_changed(trees: list[Any], data: st.DataObject) -> None:
    importing = data.draw(st.booleans())
    done = generated(data.draw(spoiled_trees(trees)), "asyncapi.json", importing=importing)
    event("generated" if done else "refused")


@pytest.mark.slow
@long
@given(data=st.data())
def test_many_texts_that_were_changed(texts: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["asyncapi.yaml", "asyncapi.json"]))
    generated(data.draw(spoiled_texts(texts)), name, importing=False)
