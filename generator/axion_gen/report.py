"""What the command says: for people, aligned and quiet; for programs, as JSON."""

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.text import Text

from .asyncapi.diagnostics import Diagnostic
from .asyncapi.rules import Severity
from .output import Difference


class Format(StrEnum):
    """How the command answers."""

    TEXT = "text"
    JSON = "json"


class Result(StrEnum):
    """How it ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    DIFFERENT = "different"
    FAILED = "failed"


def report(
    format_: Format,
    result: Result,
    output: Path | None,
    *,
    found: Iterable[Diagnostic] = (),
    files: Iterable[Difference] = (),
    lost: Iterable[str] = (),
    error: str | None = None,
) -> None:
    """Say how it went; results on stdout, what is wrong on stderr."""
    found, files, lost = list(found), list(files), list(lost)
    if format_ is Format.JSON:
        content = {
            "result": result,
            "output": None if output is None else str(output),
            "error": error,
            "diagnostics": [_as_json(finding) for finding in found],
            "lost": lost,
            "files": [{"path": file.path, "state": file.state} for file in files],
        }
        print(json.dumps(content, indent=2))  # noqa: T201 - the answer
        return
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for finding in found:
        console.print(_as_text(finding))
    if found:
        console.print(_summary(found))
    if error is not None:
        console.print(Text.assemble(("error", "bold red"), f" {error}"))
    for name in lost:
        console.print(Text(f"{name} had been edited: that is gone, and belongs elsewhere"))
    out = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    for file in files:
        out.print(Text(f"{file.state:9}  {file.path}"))
    if output is not None and result is not Result.FAILED:
        out.print(Text.assemble((f"{result:9}", "bold"), f"  {output}"))


def _as_text(finding: Diagnostic) -> Text:
    """`file:line:col: error[rule] message`, the line it is about, and what to do."""
    color = "bold red" if finding.severity is Severity.ERROR else "bold yellow"
    text = Text.assemble(
        f"{finding.location}: ",
        (f"{finding.severity}[{finding.rule}]", color),
        f" {finding.message}",
    )
    line = finding.location.source.line(finding.location.line)
    if line.strip():
        start, column = 0, finding.location.column - 1
        if len(line) > _WIDTH:
            start = max(0, column - _WIDTH // 2)
        quoted = line[start : start + _WIDTH]
        quoted = "".join(c if c.isprintable() else " " for c in quoted)
        number = str(finding.location.line)
        text.append(f"\n  {number} | ", "dim")
        text.append(quoted)
        text.append(f"\n  {' ' * len(number)} | ", "dim")
        text.append(f"{' ' * (column - start)}^", color)
    text.append(f"\n  help: {finding.help}\n")
    return text


def _summary(found: list[Diagnostic]) -> Text:
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    return Text(
        ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)
    )


def _as_json(finding: Diagnostic) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "help": finding.help,
        "file": finding.location.source.name,
        "line": finding.location.line,
        "column": finding.location.column,
    }


_WIDTH = 120
"""How much of a long line is quoted."""
