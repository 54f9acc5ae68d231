"""What the command says to programs: JSON, annotations of GitHub's workflows, SARIF 2.1.0."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from . import __version__
from .outcome import Outcome, Result
from .report import Format

if TYPE_CHECKING:
    from .asyncapi.diagnostics import Diagnostic
    from .comparison import Difference
    from .stubs import Missing

_DOCUMENTATION: Final = "docs/generator/rules.md"
_RERUN: Final = "run axion-gen"
STATES: Final = {
    "missing": "A generated file is missing.",
    "changed": "A generated file is not what the document makes now.",
    "edited": "A generated file was edited.",
    "left over": "The package holds a file that the document does not make.",
}
"""What `--check` finds, as rules: `package-missing` and so on."""


def answer(format_: Format, outcome: Outcome) -> str:
    """The whole answer, as a text with its last end of line."""
    if format_ is Format.GITHUB:
        return "".join(f"{line}\n" for line in _github(outcome))
    content = _sarif(outcome) if format_ is Format.SARIF else _json(outcome)
    return json.dumps(content, indent=2) + "\n"


def _json(outcome: Outcome) -> dict[str, object]:
    return {
        "result": outcome.result,
        "output": None if outcome.output is None else str(outcome.output),
        "error": outcome.error,
        "note": outcome.note,
        "diagnostics": [_finding(finding) for finding in outcome.found],
        "files": [_file(outcome, file) for file in outcome.files],
        "lost": list(outcome.lost),
        "changes": [asdict(change) for change in outcome.changes],
        "missing": _missing(outcome.missing),
        "appended": _missing(outcome.appended),
    }


def _finding(finding: "Diagnostic") -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "help": finding.help,
        "file": finding.location.source.name,
        "line": finding.location.line,
        "column": finding.location.column,
    }


def _file(outcome: Outcome, file: "Difference") -> dict[str, str]:
    diff = outcome.diffs.get(file.path)
    return {"path": file.path, "state": file.state} | ({} if diff is None else {"diff": diff})


def _missing(missing: "Missing | None") -> dict[str, object] | None:
    if missing is None:
        return None
    return {
        "file": str(missing.file),
        "class": missing.class_,
        "methods": list(missing.methods),
        "stale": list(missing.stale),
        "imports": list(missing.imports),
        "source": missing.source,
    }


def _github(outcome: Outcome) -> Iterator[str]:
    """Workflow commands: `::error file=...,line=...,col=...,title=...::message`."""
    for finding in outcome.found:
        properties = {"file": _place(_path(finding))}
        if finding.location.line:
            properties |= {"line": str(finding.location.line), "col": str(finding.location.column)}
        properties["title"] = f"axion-gen {finding.rule}"
        yield _command(finding.severity, properties, f"{finding.message}\n{finding.help}")
    for line in (outcome.error or "").splitlines():
        yield _command("error", {"title": "axion-gen"}, line)
    if outcome.note is not None:
        yield _command("warning", {"title": "axion-gen"}, outcome.note)
    for file in outcome.files:
        yield _command(
            "error",
            {"file": _place(_absolute(outcome, file)), "title": f"axion-gen {_rule(file)}"},
            f"{STATES[file.state]} {_RERUN.capitalize()}.",
        )
    if outcome.result is not Result.FAILED:
        yield f"{outcome.result}: {_property(str(outcome.output))}"


def _command(name: str, properties: dict[str, str], message: str) -> str:
    text = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {text}::{_data(message)}"


def _data(text: str) -> str:
    """As the runner reads a message: https://github.com/actions/toolkit, `command.ts`."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(outcome: Outcome) -> dict[str, object]:
    results = [_finding_result(finding) for finding in outcome.found]
    results += [_file_result(outcome, file) for file in outcome.files]
    rules = sorted({str(result["ruleId"]) for result in results})
    indexes = {rule: at for at, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = indexes[str(result["ruleId"])]
    notifications: list[dict[str, object]] = [
        {"level": "error", "message": {"text": line}} for line in (outcome.error or "").splitlines()
    ]
    if outcome.note is not None:
        notifications.append({"level": "warning", "message": {"text": outcome.note}})
    run = {
        "tool": {
            "driver": {
                "name": "axion-gen",
                "version": __version__,
                "rules": [_rule_description(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": outcome.error is None,
                "toolExecutionNotifications": notifications,
            }
        ],
        "results": results,
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _finding_result(finding: "Diagnostic") -> dict[str, object]:
    uri = finding.location.source.url or _uri(_path(finding))
    physical: dict[str, object] = {"artifactLocation": {"uri": uri}}
    if finding.location.line:
        region = {"startLine": finding.location.line, "startColumn": finding.location.column}
        physical["region"] = region
    return {
        "ruleId": finding.rule,
        "level": str(finding.severity),
        "message": {"text": f"{finding.message}\n{finding.help}"},
        "locations": [{"physicalLocation": physical}],
    }


def _file_result(outcome: Outcome, file: "Difference") -> dict[str, object]:
    location = {"artifactLocation": {"uri": _uri(_absolute(outcome, file))}}
    return {
        "ruleId": _rule(file),
        "level": "error",
        "message": {"text": f"{STATES[file.state]} {_RERUN.capitalize()}."},
        "locations": [{"physicalLocation": location}],
    }


def _rule_description(rule: str) -> dict[str, object]:
    from .asyncapi.rules import RULES
    from .origin import page

    if rule in RULES:
        text, level = RULES[rule].summary, str(RULES[rule].severity)
    else:
        text, level = STATES[rule.removeprefix("package-").replace("-", " ")], "error"
    address = page(_DOCUMENTATION)  # SARIF demands an absolute one
    return {
        "id": rule,
        "shortDescription": {"text": text},
        "help": {"text": f"{text} See {_DOCUMENTATION}."},
        **({} if address is None else {"helpUri": address}),
        "defaultConfiguration": {"level": level},
    }


def _rule(file: "Difference") -> str:
    return f"package-{file.state.replace(' ', '-')}"


def _path(finding: "Diagnostic") -> Path:
    return finding.location.source.path


def _absolute(outcome: Outcome, file: "Difference") -> Path:
    folder = outcome.output or Path()
    return folder.resolve() / file.path


def _place(path: Path) -> str:
    """A path from the root of what was checked out, as GitHub takes it."""
    for root in (os.environ.get("GITHUB_WORKSPACE"), Path.cwd()):
        if root and path.is_relative_to(Path(root).resolve()):
            return path.relative_to(Path(root).resolve()).as_posix()
    return path.as_posix()


def _uri(path: Path) -> str:
    place = _place(path)
    return Path(place).as_uri() if place.startswith("/") else quote(place)
