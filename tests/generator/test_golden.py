"""What is generated, word for word: a change of it is seen and reviewed here."""

from pathlib import Path

import pytest

from .generating import ITEMS, rendered

GOLDEN = Path(__file__).parent / "golden"


def test_the_items_package_is_as_reviewed(request: pytest.FixtureRequest) -> None:
    # `.txt`, for these are texts to read: they are no modules without their runtime.
    files = {f"{name}.txt": text for name, text in rendered(ITEMS).items() if name[-3:] == ".py"}
    if request.config.getoption("--update-golden"):
        for path in GOLDEN.glob("*.txt"):
            path.unlink()
        for name, text in files.items():
            (GOLDEN / name).write_text(text, encoding="utf-8", newline="\n")
    assert files == {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.iterdir()}


def test_the_same_document_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "items.yaml"
    copy.write_bytes(ITEMS.read_bytes())
    assert rendered(copy) == rendered(ITEMS)


def test_a_message_more_renames_nothing(tmp_path: Path) -> None:
    text = ITEMS.read_text(encoding="utf-8")
    extra = "      item.archived: {payload: {type: object, properties: {id: {type: string}}}}\n"
    grown = tmp_path / "items.yaml"
    marker = "      item.created:"
    grown.write_text(text.replace(marker, extra + marker, 1), encoding="utf-8")
    before = rendered(ITEMS)["messages.py"].splitlines()
    after = rendered(grown)["messages.py"].splitlines()
    assert [line for line in before if line.startswith("class ")] == [
        line for line in after if line.startswith("class ") and "Archived" not in line
    ]
