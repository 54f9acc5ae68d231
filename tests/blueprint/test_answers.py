"""What `copier copy` makes of answers: refused in one clear line, or rendered without harm."""

import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from copier import run_copy
from copier.errors import UserMessageError
from pytest_copie.plugin import Copie

from .conftest import ROOT, copier, copy, git, in_service

HOSTILE = {
    "service_name": [
        ("", "is no name for a service"),
        ("My Service", "is no name for a service"),
        ("-items", "is no name for a service"),
        ("items-", "is no name for a service"),
        ("../../items", "is no name for a service"),
        ("items\nimport os", "is no name for a service"),
        ("items'''", "is no name for a service"),
        ("{{ 7 * 7 }}", "is no name for a service"),
        ("ïtems", "is no name for a service"),
        ("a" * 41, "use at most 40 characters"),
        ("class", "choose another, such as class-service"),
        ("calendar", "choose another, such as calendar-service"),
        ("pydantic-settings", "choose another, such as pydantic-settings-service"),
    ],
    "resource": [
        ("Item", "is no name for a resource"),
        ("order--line", "is no name for a resource"),
        ('x"; import os', "is no name for a resource"),
        ("a" * 21, "use at most 20 characters"),
        ("list", "choose another, such as my-list"),
        ("operation", "choose another, such as my-operation"),
        ("a", "choose another"),  # two of them are a keyword: as
    ],
    "description": [
        ("", "write one line"),
        ("two\nlines", "write one line of plain text"),
        ("\x1b[31mred", "write one line of plain text"),
        ("x" * 201, "use at most 200 characters"),
    ],
    "owner": [(" ", "write one line"), ("x" * 81, "use at most 80 characters")],
    "blueprint": [
        ("no-service", "choose crud-service, event-worker or http-gateway"),
        ("../answers", "choose crud-service, event-worker or http-gateway"),
    ],
    "ci": [("gitlab", "choose github or none")],
    "deploy": [("", "choose kubernetes, kubernetes-keda or none")],
    "store": [("mongo", "choose memory, redis or sql")],
    "auth": [("{{ 7 * 7 }}", "choose jwks or oidc")],
}


DEFAULT_NAMES = {
    "crud-service": "items",
    "event-worker": "notifications",
    "http-gateway": "gateway",
}


@pytest.mark.parametrize(("blueprint", "name"), DEFAULT_NAMES.items())
def test_the_defaults_make_a_service(
    template: Path, tmp_path: Path, blueprint: str, name: str
) -> None:
    service = copy(template, tmp_path / "new", {"blueprint": blueprint})
    assert (service / "src" / name / "main.py").exists()
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert answers["copied_as"]["blueprint"] == blueprint
    assert answers["copied_as"]["service_name"] == name


def test_there_are_at_most_twelve_questions() -> None:
    documents = [
        question
        for path in (ROOT / "copier.yml", *(ROOT / "blueprints").glob("*/questions.yml"))
        for document in path.read_text().split("\n---\n")
        if not document.startswith("!include")
        for question in (yaml.safe_load(document) or {}).items()
    ]
    asked = {
        name: question
        for name, question in documents
        if not name.startswith("_") and question.get("when", True) is not False
    }
    assert 1 <= len(asked) <= 12
    for name, question in asked.items():
        assert {"default", "help"} <= question.keys(), name
        assert "validator" in question or "choices" in question, name


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [(question, *case) for question, cases in HOSTILE.items() for case in cases],
)
def test_an_answer_that_does_not_fit_is_refused(
    template: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    question: str,
    answer: str,
    said: str,
) -> None:
    # The only kind of error that Copier's command does not answer with a traceback.
    with pytest.raises(UserMessageError):
        run_copy(
            str(template),
            tmp_path / "new",
            data={question: answer},
            defaults=True,
            unsafe=True,
            quiet=True,
        )
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"{question}: ")
    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_a_clear_line(template: Path, tmp_path: Path) -> None:
    data = "--data=service_name=My Service"
    done = copier("copy", "--quiet", data, template, tmp_path / "new", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].startswith("service_name: 'My Service' is no name")
    assert "Traceback" not in done.stderr


def test_a_refusal_leaves_an_existing_folder_alone(template: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = copier("copy", "--data=resource=No", template, tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_refusal_does_not_depend_on_tasks(template: Path, tmp_path: Path) -> None:
    options = ("--skip-tasks", "--data=resource=No")
    done = copier("copy", *options, template, tmp_path / "new", cwd=tmp_path)
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [(), ("--skip-tasks",)], ids=["tasks", "no tasks"])
@pytest.mark.parametrize("switch", ["blueprint=event-worker", "service_name=other", "resource=cup"])
def test_no_update_makes_another_service_of_it(
    service: Path, switch: str, options: tuple[str, ...]
) -> None:
    done = copier("update", *options, f"--data={switch}", cwd=service)
    assert done.returncode == 1
    assert "is not what this service was copied as" in done.stderr
    assert ("Traceback" in done.stderr) == bool(options)  # Copier's own, where no task may speak
    assert git(service, "status", "--porcelain", "--ignored") == ""


def test_the_prompt_judges_alike(copie: Copie, template: Path) -> None:
    result = copie.copy(extra_answers={"resource": "list"}, template_dir=template)
    assert "choose another, such as my-list" in str(result.exception)


def test_text_stays_text_wherever_it_is_rendered(template: Path, tmp_path: Path) -> None:
    text = "\"quoted\" 'text' \\ \"\"\" ''' {{ 7 * 7 }} {% raw %} $(id) `id` # <b> | é"
    service = copy(template, tmp_path / "new", {"description": text, "owner": text[:80]})
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    contract = yaml.safe_load((service / "asyncapi.yaml").read_text())
    assert project["description"] == text
    assert contract["info"]["description"] == text
    assert text in (service / "README.md").read_text(encoding="utf-8")
    assert in_service(service, sys.executable, "-m", "items.bus", "check").returncode == 0


@pytest.mark.parametrize("name", ["null", "true", "yes", "e1"])
def test_a_name_that_yaml_reads_as_something_else(
    template: Path, tmp_path: Path, name: str
) -> None:
    service = copy(template, tmp_path / "new", {"service_name": name})
    contract = yaml.safe_load((service / "asyncapi.yaml").read_text())
    assert contract["info"]["title"] == name.capitalize()


def test_a_token_in_the_source_reaches_no_file(template: Path, tmp_path: Path) -> None:
    url = "https://user:s3cret@example.invalid/axion.git"
    redirect = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{template.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
    }
    done = copier("copy", url, tmp_path / "new", cwd=tmp_path, **redirect)
    assert done.returncode == 0, done.stderr
    answers = (tmp_path / "new" / ".copier-answers.yml").read_text()
    assert "_src_path: https://example.invalid/axion.git" in answers
    for path in (tmp_path / "new").rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes(), path
