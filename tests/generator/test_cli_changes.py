"""What the person who changes the document is told: what is new, and which method is missing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from .generating import Answer, imported
from .generating import axion_gen as run
from .projects import change, generated

HANDLERS = '''\
"""Ours."""

from typing import final

from .bus.handlers import Context, Handlers
from .bus.messages import ItemCreate, ItemDelete


@final
class ItemHandlers(Handlers):
    """Ours."""

    async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        """Make it."""

    def on_item_delete(self, message: ItemDelete, context: Context) -> None:
        """Delete it."""  # in a thread


def after() -> None:
    """Not of the class."""
'''

UPDATE = '''\
    async def on_item_update(self, message: ItemUpdate, context: Context) -> None:
        """Handle `item.update`, received on `item.commands`."""
        raise NotImplementedError
'''


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A generated project whose class of handlers lacks one method."""
    generated(tmp_path)
    (tmp_path / "src" / "items" / "handlers.py").write_text(HANDLERS)
    return tmp_path


def axion(folder: Path, *arguments: str) -> Answer:
    return run("api/asyncapi.yaml", *arguments, cwd=folder)


def changed(answer: Answer) -> list[str]:
    return [
        line for line in answer.out.splitlines() if line.startswith(("new ", "removed", "renamed"))
    ]


def test_the_first_time_nothing_is_new(tmp_path: Path) -> None:
    generated(tmp_path)
    (tmp_path / "src" / "items" / "bus" / "axion.lock").write_text("")
    assert changed(axion(tmp_path)) == []


def test_new_removed_and_renamed_messages_are_told(made: Path) -> None:
    document = made / "api" / "asyncapi.yaml"
    change(document, "      item.delete: {$ref: '#/components/messages/item.delete'}\n", "")
    change(
        document,
        "      item.created: {$ref: '#/components/messages/item.created'}\n",
        "      item.archived: {payload: {type: object}}\n"
        "      item.created: {$ref: '#/components/messages/item.created'}\n",
    )
    change(document, "      item.rejected: {$ref", "      item.refused: {$ref")
    change(
        document,
        "      item.update: {$ref: '#/components/messages/item.update'}\n",
        "      item.change: {$ref: '#/components/messages/item.update'}\n",
    )
    answer = axion(made)
    assert answer.code == 0
    assert changed(answer) == [
        "renamed    item.change, until now item.update, received and sent on item.commands:"
        " on_item_update is now on_item_change",
        "removed    item.delete, received and sent on item.commands",
        "new        item.archived, sent on item.events",
        "renamed    item.refused, until now item.rejected, sent on item.events",
    ]
    assert (
        "ItemHandlers in src/items/handlers.py has on_item_delete, which no message calls"
        in answer.out
    )


def test_a_message_that_is_no_longer_received(made: Path) -> None:
    change(
        made / "api" / "asyncapi.yaml",
        "    action: receive\n    channel: {$ref: '#/channels/item.commands'}\n",
        "    action: receive\n    channel: {$ref: '#/channels/item.commands'}\n"
        "    messages: [{$ref: '#/channels/item.commands/messages/item.create'}]\n",
    )
    assert changed(axion(made)) == [
        "removed    item.update, received on item.commands",
        "removed    item.delete, received on item.commands",
    ]


def test_the_missing_method_is_ready_to_paste(made: Path) -> None:
    answer = axion(made)
    expected = f"""\
unchanged  src/items/bus

ItemHandlers in src/items/handlers.py lacks on_item_update; --stubs appends what is missing

from .bus.messages import ItemUpdate

{UPDATE}"""
    assert answer == Answer(0, expected, "")
    as_json = json.loads(axion(made, "--format", "json").out)
    assert as_json["missing"]["methods"] == ["on_item_update"]
    assert as_json["missing"]["source"] + "\n" == UPDATE


def test_stubs_are_appended_and_every_other_byte_stays(made: Path) -> None:
    file = made / "src" / "items" / "handlers.py"
    file.chmod(0o640)
    answer = axion(made, "--stubs")
    assert answer.code == 0
    assert "appended   src/items/handlers.py: on_item_update" in answer.out
    line = "from .bus.messages import ItemCreate, ItemDelete\n"
    marker = '        """Delete it."""  # in a thread\n'
    assert file.read_text() == HANDLERS.replace(
        line, f"{line}from .bus.messages import ItemUpdate\n"
    ).replace(marker, f"{marker}\n{UPDATE}")
    assert file.stat().st_mode & 0o777 == 0o640
    again = axion(made, "--stubs")
    assert "appended" not in again.out


def test_a_dry_run_appends_nothing(made: Path) -> None:
    answer = axion(made, "--stubs", "--dry-run")
    assert "to append  src/items/handlers.py: on_item_update" in answer.out
    assert (made / "src" / "items" / "handlers.py").read_text() == HANDLERS


@pytest.mark.parametrize(
    "how",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("    ", "\t"),
        lambda text: "\ufeff" + text,
        lambda text: text[: text.index("\n\ndef after")].rstrip("\n"),
        lambda text: text.replace("Context, Handlers", "Context as C, Handlers as Base")
        .replace("(Handlers)", "(Base)")
        .replace("context: Context", "context: C"),
        lambda text: text.replace(
            "from .bus.handlers import Context, Handlers",
            "from .bus import handlers\nfrom .bus.handlers import Context",
        ).replace("(Handlers)", "(handlers.Handlers)"),
        lambda text: text.replace("@final\nclass ItemHandlers(Handlers):", CHAIN),
        lambda text: text.replace("from .bus", "from items.bus"),
        lambda text: text.replace("class ItemHandlers(Handlers):", "class ItemHandlers(Handlers):\n"
                                  "    @property\n    def on(self) -> int: return 1\n"),
    ],
    ids=["crlf", "tabs", "bom", "end", "aliases", "module", "chain", "absolute", "decorated"],
)  # fmt: skip
def test_files_as_people_write_them(made: Path, how: Callable[[str], str]) -> None:
    file = made / "src" / "items" / "handlers.py"
    before = how(HANDLERS).encode()
    file.write_bytes(before)
    assert axion(made, "--stubs").code == 0
    after = file.read_bytes()
    assert without_added(after, before)
    module = imported_in_a_process(made)
    assert module == "on_item_create on_item_delete on_item_update"


CHAIN = """\
class Base(Handlers):
    pass


@final
class ItemHandlers(Base):"""


def without_added(after: bytes, before: bytes) -> bool:
    """Whether lines were added and nothing else was touched."""
    lines = iter(after.splitlines())
    return all(any(line == kept for line in lines) for kept in before.splitlines())


def imported_in_a_process(folder: Path) -> str:
    """The handlers of the class, which can be made an instance of."""
    program = (
        "import items.handlers as h; i = h.ItemHandlers();"
        "print(*sorted(n for n in dir(i) if n.startswith('on_')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder / "src", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    generated(tmp_path)
    answer = axion(tmp_path)
    assert "src/items/handlers.py is not there yet; --stubs writes it" in answer.out
    assert axion(tmp_path, "--stubs").code == 0
    text = (tmp_path / "src" / "items" / "handlers.py").read_text()
    assert text.startswith(
        dedent('''\
        """What the service does with each message it receives."""

        from typing import final

        from .bus.handlers import Context, Handlers
        from .bus.messages import ItemCreate, ItemDelete, ItemUpdate


        @final
        class ItemsHandlers(Handlers):
            """One method for each message."""

            async def on_item_create(self, message: ItemCreate, context: Context) -> None:
        ''')
    )
    assert axion(tmp_path).out == "unchanged  src/items/bus\n"


def test_the_file_is_the_one_that_is_set(tmp_path: Path) -> None:
    generated(tmp_path, "handlers = 'src/items/messaging/reception.py'\n")
    (tmp_path / "src" / "items" / "messaging").mkdir()
    (tmp_path / "src" / "items" / "messaging" / "__init__.py").touch()
    assert axion(tmp_path, "--stubs").code == 0
    text = (tmp_path / "src" / "items" / "messaging" / "reception.py").read_text()
    assert "from ..bus.handlers import Context, Handlers\n" in text


REFUSED = {
    "two classes": (HANDLERS + "\n\nclass Other(Handlers):\n    pass\n", "several: ItemHandlers,"),
    "no class": ("from .bus.handlers import Handlers\n", "has none"),
    "another base": (
        HANDLERS.replace("(Handlers)", "(Mixin, Handlers)"),
        "also derives from Mixin, which may have on_item_update",
    ),
    "one line": (
        "from .bus.handlers import Handlers\nclass A(Handlers): pass\n",
        "is written on one line",
    ),
    "name taken": (HANDLERS + "\n\nItemUpdate = 3\n", "ItemUpdate is something else"),
    "no python": (HANDLERS + "def\n", "handlers.py:22 is no Python"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_ambiguous_is_refused_before_anything_is_written(
    made: Path, text: str, said: str
) -> None:
    file = made / "src" / "items" / "handlers.py"
    file.write_text(text)
    (made / "src" / "items" / "bus" / "client.py").unlink()
    answer = axion(made, "--stubs")
    assert answer.code == 2
    assert said in answer.err
    assert file.read_text() == text
    assert not (made / "src" / "items" / "bus" / "client.py").exists()
    assert axion(made).code == 0  # without --stubs nothing is asked of the file


def test_where_the_class_is_not_found_new_methods_are_shown(made: Path) -> None:
    (made / "src" / "items" / "handlers.py").write_text("# elsewhere\n")
    assert axion(made).out == "unchanged  src/items/bus\n"
    change(
        made / "api" / "asyncapi.yaml",
        "      item.delete: {$ref: '#/components/messages/item.delete'}\n",
        "      item.delete: {$ref: '#/components/messages/item.delete'}\n"
        "      item.move: {payload: {type: object}}\n",
    )
    answer = axion(made)
    head = "async def on_item_move(self, message: ItemMove, context: Context) -> None:"
    assert head in answer.out


def test_a_removed_handler_is_refused_at_import_with_the_nearest_name(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = made / "api" / "asyncapi.yaml"
    change(document, "      item.delete: {$ref", "      item.deletion: {$ref")
    assert axion(made).code == 0
    file = made / "src" / "items" / "handlers.py"
    file.write_text(HANDLERS.replace("ItemDelete", "ItemDeletion"))
    with pytest.raises(
        TypeError, match=r"`on_item_delete` handles no message .* `on_item_deletion`"
    ):
        imported(monkeypatch, made / "src", "items.handlers")
    for name in [name for name in sys.modules if name.partition(".")[0] == "items"]:
        monkeypatch.delitem(sys.modules, name)
