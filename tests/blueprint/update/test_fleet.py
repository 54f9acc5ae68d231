"""A fleet: services of all blueprints and several versions, each edited in its own way."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from ..conftest import BIN, clone_of_repository, commit, copy, git, in_service, make, run
from ..releases import RELEASES, present
from .conftest import NOW, append, replace, unmerged

NEWEST = "v999.2.0"
HANDLER = '''    async def on_item_archived(self, message: ItemArchived, context: Context) -> None:
        """Mine."""

    async def on_item_created'''
PROBE = '''"""Mine."""


def price(cents: int) -> str:
    """Mine."""
    return f"{cents / 100:.2f}"
'''


def adds_files(service: Path) -> None:
    (service / "src" / "items" / "prices.py").write_text(PROBE)
    (service / "tests" / "test_prices.py").write_text(
        '"""Mine."""\n\nfrom items.prices import price\n\n\n'
        'def test_mine() -> None:\n    assert price(150) == "1.50"\n'
    )


def adds_a_message(service: Path) -> None:
    contract = service / "asyncapi.yaml"
    replace(
        contract,
        "    messages:\n      created:\n",
        "    messages:\n      archived: # mine\n"
        "        $ref: '#/components/messages/ItemArchived'\n"
        "      created:\n",
    )
    replace(
        contract,
        "  messages:\n    ItemCreated:\n",
        "  messages:\n    ItemArchived: # mine\n      name: item.archived\n"
        "      x-axion-key: $message.payload#/id\n      payload:\n        type: object\n"
        "        required: [id]\n        properties:\n          id: {type: string}\n"
        "    ItemCreated:\n",
    )
    handlers = service / "src" / "items" / "handlers.py"
    replace(handlers, "import ItemCreated,", "import ItemArchived, ItemCreated,")
    replace(handlers, "    async def on_item_created", HANDLER)
    made = make(service, "generate", f"AXION_GEN={BIN / 'axion-gen'}")
    assert made.returncode == 0, made.stderr


def edits_comments(service: Path) -> None:
    for path in ("handlers.py", "__main__.py", "main.py", "settings.py"):
        append(service / "src" / "items" / path, "\n# mine\n")


def edits_the_make_targets(service: Path) -> None:
    append(service / "Makefile", "\nmine: ## mine\n\t@echo mine\n")


def pins_a_dependency(service: Path) -> None:
    replace(service / "pyproject.toml", 'version = "0.1.0"', 'version = "2.7.1" # mine')


def rewrites_the_readme(service: Path) -> None:
    (service / "README.md").write_text("# Mine\n\nAll of it is mine.\n")


def deletes_what_it_does_not_need(service: Path) -> None:
    git(service, "rm", "--quiet", "Dockerfile", "scripts/hello.py")


def keeps_notes_beside_it(service: Path) -> None:
    (service / "docs").mkdir(exist_ok=True)
    (service / "docs" / "mine.md").write_text("mine\n" * 40)
    (service / "docs" / "mine.png").write_bytes(b"\x89PNG\0mine")


def saves_with_crlf(service: Path) -> None:
    path = service / "README.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"mine\r\n")


def moves_a_script(service: Path) -> None:
    git(service, "mv", "scripts/hello.py", "scripts/mine.py")
    append(service / "scripts" / "mine.py", "# mine\n")


class Member(NamedTuple):
    blueprint: str
    version: int
    """Which of the versions that there are, the oldest first."""
    edit: Callable[[Path], None]
    answers: Mapping[str, str] = {}


FLEET = [
    Member("crud-service", 0, adds_files),
    Member("crud-service", 1, moves_a_script),
    Member("crud-service", 2, edits_comments),
    Member("crud-service", 0, saves_with_crlf),
    Member("event-worker", 0, pins_a_dependency),
    Member("event-worker", 1, adds_a_message, {"store": "sql"}),
    Member("event-worker", 2, rewrites_the_readme, {"store": "redis"}),
    Member("http-gateway", 0, edits_the_make_targets),
    Member("http-gateway", 1, deletes_what_it_does_not_need, {"deploy": "none"}),
    Member("http-gateway", 2, keeps_notes_beside_it, {"auth": "oidc"}),
]


@pytest.fixture(scope="module")
def fleet_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The template with three versions of its history, and a newest that changes every part."""
    template = clone_of_repository(tmp_path_factory.mktemp("fleet") / "axion", tag=NOW)
    known = [version for version, commit_ in RELEASES.items() if present(commit_)]
    for version in known:
        git(template, "tag", version, RELEASES[version])
    base = template / "template"
    append(base / "Makefile.jinja", "\n# The newest.\n")
    append(base / ".gitignore", "# The newest.\n")
    for path in base.rglob("*.py.jinja"):
        if "migrations" not in path.parts:
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace('"""', '"""The newest. ', 1), encoding="utf-8")
    append(template / "generator" / "axion_gen" / "runtime" / "identifiers.py", "\nNEWEST = 1\n")
    (base / "NEWEST.md").write_text("The newest.\n")
    commit(template, "The newest", tag=NEWEST)
    return template, [*known[-2:], NOW]


@pytest.mark.slow
@pytest.mark.parametrize("member", FLEET, ids=[f"{m.blueprint}-{m.edit.__name__}" for m in FLEET])
def test_every_service_of_a_fleet_becomes_current(
    fleet_template: tuple[Path, list[str]], tmp_path: Path, member: Member
) -> None:
    template, versions = fleet_template
    if len(versions) < 3:
        pytest.skip("a shallow clone has no history: git fetch --unshallow")
    answers = {"blueprint": member.blueprint, "service_name": "items", **member.answers}
    service = copy(template, tmp_path / "items", answers, versions[member.version])
    commit(service, "Copy")
    member.edit(service)
    commit(service, "Our work")
    mine = lines_of_mine(service)
    deleted = set(git(service, "diff", "--diff-filter=D", "--name-only", "HEAD~").splitlines())

    done = run(BIN / "axion", "update", "--trust", "--yes", cwd=service)

    assert done.returncode == (1 if unmerged(service) else 0), done.stderr
    assert lines_of_mine(service) >= mine
    for path in unmerged(service):  # the team keeps both
        sides = [git(service, "show", f":{number}:{path}") for number in (2, 1, 3)]
        (service / path).write_text(union(tmp_path, *sides), encoding="utf-8")
    assert lines_of_mine(service) >= mine
    commit(service, "Update")
    assert f"_commit: {NEWEST}" in (service / ".copier-answers.yml").read_text()
    assert (service / "NEWEST.md").exists()
    assert [name for name in sorted(deleted) if (service / name).exists()] == []
    for command in (("ruff", "check"), ("mypy",)):
        checked = in_service(service, BIN / command[0], *command[1:])
        assert checked.returncode == 0, checked.stdout + checked.stderr
    if (service / "asyncapi.yaml").exists():
        proved = in_service(service, sys.executable, "-m", "items.bus", "check")
        assert proved.returncode == 0, proved.stdout
    tested = make(service, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def union(folder: Path, *sides: str) -> str:
    """Both sides' lines, in place of a conflict."""
    for name, text in zip(("ours", "base", "theirs"), sides, strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return git(folder, "merge-file", "-p", "--union", "ours", "base", "theirs")


def lines_of_mine(service: Path) -> set[str]:
    """Every line that its team has written, and the binary."""
    found = git(service, "grep", "--untracked", "-I", "-i", "-h", "mine").splitlines()
    binary = service / "docs" / "mine.png"
    return {line.strip() for line in found} | (
        {str(binary.read_bytes())} if binary.exists() else set()
    )
