"""Each blueprint with each of its answers: rendered whole, sound, and tested by its own tests."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable
from itertools import combinations as pairs
from itertools import product
from pathlib import Path
from shutil import copytree, unpack_archive

import pytest
import yaml
from copier import run_copy

from tests.servers import PostgreSQL

from .conftest import BIN, ROOT, commit, copy, git, in_service, make, run
from .releases import WHOLE

Answers = dict[str, str]

OWN: dict[str, dict[str, list[str]]] = {
    "crud-service": {},
    "event-worker": {"store": ["memory", "redis", "sql"]},
    "http-gateway": {"auth": ["jwks", "oidc"]},
}
SHARED = {"ci": ["github", "none"], "deploy": ["kubernetes", "kubernetes-keda", "none"]}
FILES = {"crud-service": 48, "event-worker": 35, "http-gateway": 36}
"""More than so many are too many; the generated package and what operates the service aside."""


def all_answers() -> list[Answers]:
    found: list[Answers] = []
    for blueprint, own in OWN.items():
        asked = {"blueprint": [blueprint], **own, **SHARED}
        found += (dict(zip(asked, values, strict=True)) for values in product(*asked.values()))
    return found


def name(answers: Answers) -> str:
    return "-".join(answers.values())


ALL = {name(answers): answers for answers in all_answers()}
CHECKED: dict[str, Answers] = {
    "crud-service": {"blueprint": "crud-service"},
    "event-worker": {"blueprint": "event-worker", "store": "sql"},
    "http-gateway": {"blueprint": "http-gateway", "auth": "jwks"},
}
"""One of each blueprint, which is copied whole in every run."""
EVERY = pytest.mark.parametrize("answers", ALL.values(), ids=ALL)


@pytest.fixture(scope="session")
def copied(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Answers], Path]:
    """Copies a service as a user does, once for all tests."""
    folder = tmp_path_factory.mktemp("copied")

    def service(answers: Answers) -> Path:
        to = folder / name(answers)
        if not to.exists():
            copy(template, to, answers)
            commit(to, "Copy")
        return to

    return service


@pytest.fixture(scope="session")
def rendered(
    template: Path,
    copied: Callable[[Answers], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Every combination; the generated package, which follows from the blueprint, is made once."""
    folder = tmp_path_factory.mktemp("rendered")
    files = tmp_path_factory.mktemp("template")  # without Git, which would clone it each time
    git(template, "archive", "--output", f"{files}/all.tar", "HEAD")
    unpack_archive(files / "all.tar", files)
    for each, answers in ALL.items():
        to = folder / each
        run_copy(str(files), to, data=answers, defaults=True, skip_tasks=True, quiet=True)
        for bus in copied(CHECKED[answers["blueprint"]]).glob("src/*/bus"):
            copytree(bus, to / "src" / bus.parent.name / "bus")
    return {each: folder / each for each in ALL}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def files_of(service: Path) -> list[Path]:
    return [path for path in service.rglob("*") if path.is_file() and "bus" not in path.parts]


def test_every_choice_is_tried() -> None:
    asked = [ROOT / "copier.yml", *(ROOT / "blueprints").glob("*/questions.yml")]
    tables = re.findall(r"choices: >-\n(.*?)\n  default", "".join(map(read, asked)), re.DOTALL)
    chosen = set(re.findall(r": '([a-z-]+)'", "".join(tables)))
    tried = {value for answers in ALL.values() for value in answers.values()}
    assert chosen == tried


def test_all_is_code_in_form(rendered: dict[str, Path]) -> None:
    folder = next(iter(rendered.values())).parent
    for command in (("check",), ("format", "--check")):
        done = run(BIN / "ruff", *command, "--no-cache", folder, cwd=folder)
        assert done.returncode == 0, done.stdout


@EVERY
def test_every_file_can_be_read(rendered: dict[str, Path], answers: Answers) -> None:
    files = files_of(rendered[name(answers)])
    own = [path for path in files if not {"deploy", ".github"} & set(path.parts)]
    assert len(own) <= FILES[answers["blueprint"]], "few files, each earning its place"
    for path in files:
        text = read(path)
        assert not re.search(r"\{%|%\}|\{#|\.jinja|_copier", text), path
        # Prometheus, Grafana and GitHub have braces of their own.
        assert path not in own or not re.search(r"(?<!\$)\{\{", text), path
        assert text == "" or text.endswith("\n"), path
        assert not re.search(r"[ \t]\n|\n\n\Z", text), path
        # ruff decides in Python, and Alembic's template is Python to be.
        assert path.suffix in {".py", ".mako"} or "\n\n\n" not in text, path
        match path.suffix:
            case ".py":
                ast.parse(text)
            case ".yaml" | ".yml":
                list(yaml.safe_load_all(text))
            case ".toml":
                tomllib.loads(text)
            case ".json":
                json.loads(text)


@EVERY
def test_what_its_pages_name_is_there(rendered: dict[str, Path], answers: Answers) -> None:
    service = rendered[name(answers)]
    (package,) = service.glob("src/*")
    targets = set(re.findall(r"^([a-z-]+):", read(service / "Makefile"), re.MULTILINE))
    for page in (service / "README.md", *service.glob("docs/*.md")):
        for code in re.findall(r"(?<!`)`([^`\n]+)`|^ {4}(.+)", read(page), re.MULTILINE):
            said = "".join(code)
            for wanted in re.findall(r"\bmake((?: [a-z-]+(?![a-z=-]))+)", said):
                assert set(wanted.split()) <= targets, f"{page}: {said}"
            if re.fullmatch(r"[\w/.-]+(/|\.(py|md|yaml|yml|env))", said):
                places = (service, package, service / "deploy")
                assert any((place / said).exists() for place in places), f"{page}: {said}"


@EVERY
def test_what_is_not_asked_for_is_not_there(rendered: dict[str, Path], answers: Answers) -> None:
    service = rendered[name(answers)]
    assert (service / ".github").exists() == (answers["ci"] == "github")
    assert (service / "deploy").exists() == (answers["deploy"] != "none")
    assert (service / "asyncapi.yaml").exists() == (answers["blueprint"] != "http-gateway")
    assert all(any(folder.iterdir()) for folder in service.rglob("*") if folder.is_dir())
    left_over = LEFT_OVER[answers["blueprint"]] + LEFT_OVER.get(answers.get("store", ""), [])
    for path in files_of(service):
        text = read(path).lower()
        assert [word for word in left_over if word in text] == [], path


LEFT_OVER = {
    "crud-service": ["notification", "redis", "jwks"],
    "event-worker": ["/operations", "idempotency-key", "schemathesis", "fastapi", "jwks"],
    "http-gateway": ["kafka", "asyncapi", "sqlalchemy", "alembic", "redis", "fastapi", "axion-gen"],
    "memory": ["redis", "sqlalchemy", "alembic", "migrat", "database_url"],
    "redis": ["sqlalchemy", "alembic", "migrat", "database_url"],
    "sql": ["redis"],
}


def test_updates_are_tested_with_every_file(rendered: dict[str, Path]) -> None:
    def paths(**given: str) -> set[Path]:
        """Of all services with these answers, whatever the others are."""
        services = [rendered[n] for n, answers in ALL.items() if given.items() <= answers.items()]
        return {path.relative_to(service) for service in services for path in files_of(service)}

    for blueprint in OWN:
        whole = paths(blueprint=blueprint, ci="github", **WHOLE[blueprint])
        assert whole == paths(blueprint=blueprint)


def assert_sound(service: Path) -> None:
    """What its team runs: its own checks, types included, and its own tests."""
    for target in ("check", "test"):
        done = make(service, target)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    assert git(service, "status", "--porcelain") == ""


@pytest.mark.parametrize("blueprint", ["event-worker", "http-gateway"])
def test_its_own_checks_and_tests_pass(copied: Callable[[Answers], Path], blueprint: str) -> None:
    assert_sound(copied(CHECKED[blueprint]))


@pytest.mark.servers
def test_a_worker_keeps_its_tables_in_postgresql_too(
    copied: Callable[[Answers], Path], postgresql: PostgreSQL
) -> None:
    database = f"DATABASE_URL={postgresql.new_database()}"
    for command in ("notifications migrate", "alembic check", "alembic downgrade base"):
        words = ("env", database, sys.executable, "-m", *command.split())
        done = in_service(copied(CHECKED["event-worker"]), *words)
        assert done.returncode == 0, done.stdout + done.stderr


PAIRS: list[tuple[str, Answers, str, str]] = [
    ("crud-service", {}, "github", "kubernetes"),
    ("crud-service", {}, "github", "kubernetes-keda"),
    ("crud-service", {}, "none", "none"),
    ("event-worker", {"store": "memory"}, "github", "none"),
    ("event-worker", {"store": "memory"}, "none", "kubernetes"),
    ("event-worker", {"store": "memory"}, "none", "kubernetes-keda"),
    ("event-worker", {"store": "redis"}, "github", "kubernetes"),
    ("event-worker", {"store": "redis"}, "github", "kubernetes-keda"),
    ("event-worker", {"store": "redis"}, "none", "none"),
    ("event-worker", {"store": "sql"}, "github", "kubernetes-keda"),
    ("event-worker", {"store": "sql"}, "github", "none"),
    ("event-worker", {"store": "sql"}, "none", "kubernetes"),
    ("http-gateway", {"auth": "jwks"}, "github", "kubernetes"),
    ("http-gateway", {"auth": "jwks"}, "none", "kubernetes-keda"),
    ("http-gateway", {"auth": "jwks"}, "none", "none"),
    ("http-gateway", {"auth": "oidc"}, "github", "kubernetes-keda"),
    ("http-gateway", {"auth": "oidc"}, "github", "none"),
    ("http-gateway", {"auth": "oidc"}, "none", "kubernetes"),
]
"""Every two answers that can be together are so in one of them."""


def answers_of(row: tuple[str, Answers, str, str]) -> Answers:
    blueprint, own, ci, deploy = row
    return {"blueprint": blueprint, **own, "ci": ci, "deploy": deploy}


def test_all_pairs_are_among_them() -> None:
    tried = [answers_of(row) for row in PAIRS]
    for answers in ALL.values():
        for pair in pairs(answers.items(), 2):
            assert any(dict(pair).items() <= each.items() for each in tried), pair


@pytest.mark.slow
@pytest.mark.parametrize("answers", [answers_of(row) for row in PAIRS], ids=name)
def test_all_pairs_pass_their_own_checks_and_tests(
    copied: Callable[[Answers], Path], answers: Answers
) -> None:
    assert_sound(copied(answers))
