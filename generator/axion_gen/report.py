"""What the command says: for people, aligned and quiet; for programs, in their forms."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from .outcome import Outcome, Result
from .terminal import painted, plain

if TYPE_CHECKING:
    from .asyncapi.diagnostics import Diagnostic
    from .changes import Change
    from .stubs import Missing


class Format(StrEnum):
    """How the command answers."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


_WIDTH: Final = 120
"""How much of a long line is quoted."""
_PASTED: Final = 10
"""The most methods that are shown; more are named."""


def report(format_: Format, outcome: Outcome) -> None:
    """Say how it went; results on stdout, what is wrong on stderr."""
    if format_ is not Format.TEXT:
        from .machine import answer

        sys.stdout.write(answer(format_, outcome))
        sys.stdout.flush()
        return
    sys.stderr.writelines(f"{line}\n" for line in _problems(outcome, sys.stderr))
    sys.stdout.writelines(f"{line}\n" for line in _results(outcome, sys.stdout))
    sys.stdout.flush()


def shown(path: Path) -> str:
    """A path as it is shortest, from here or from the root."""
    try:
        return plain(str(path.relative_to(Path.cwd()))) if path.is_absolute() else plain(str(path))
    except (ValueError, OSError):
        return plain(str(path))


def _problems(outcome: Outcome, stream: TextIO) -> Iterator[str]:
    for finding in outcome.found:
        yield _finding(finding, stream)
    if outcome.found:
        yield _summary(outcome.found)
    if outcome.note is not None:
        yield f"{painted('note', 'bold yellow', stream)}  {outcome.note}"
    for line in (outcome.error or "").splitlines():
        yield f"{painted('error', 'bold red', stream)} {plain(line)}"
    if outcome.lost:
        yield f"edits are gone: {', '.join(outcome.lost)}"


def _results(outcome: Outcome, stream: TextIO) -> Iterator[str]:
    yield from _files(outcome, stream)
    if outcome.output is not None and outcome.result is not Result.FAILED:
        yield f"{painted(f'{outcome.result:9}', 'bold', stream)}  {shown(outcome.output)}"
    for change in outcome.changes:
        yield f"{painted(f'{change.kind:9}', 'bold', stream)}  {_change(change)}"
    if outcome.appended is not None:
        missing = outcome.appended
        word = "to append" if outcome.dry else "appended"
        yield (
            f"{painted(f'{word:9}', 'bold', stream)}  {shown(missing.file)}:"
            f" {', '.join(missing.methods)}"
        )
    if outcome.missing is not None:
        yield from _missing(outcome.missing)


def _files(outcome: Outcome, stream: TextIO) -> Iterator[str]:
    if outcome.diffs:
        for file in outcome.files:
            for line in outcome.diffs[file.path].splitlines():
                yield _diff_line(line, stream)
    elif outcome.output is not None and not outcome.output.exists():
        return  # all of it is missing, and that is one thing to say
    for file in outcome.files:
        yield f"{file.state:9}  {plain(file.path)}"


def _diff_line(line: str, stream: TextIO) -> str:
    text = "".join(c if c.isprintable() or c == "\t" else "?" for c in line)
    if line.startswith(("---", "+++")):
        return painted(text, "bold", stream)
    style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1])
    return painted(text, style, stream) if style else text


def _finding(finding: "Diagnostic", stream: TextIO) -> str:
    """`file:line:col: error[rule] message`, the line it is about, and what to do."""
    color = "bold red" if finding.severity == "error" else "bold yellow"
    head = painted(f"{finding.severity}[{finding.rule}]", color, stream)
    text = f"{plain(str(finding.location))}: {head} {plain(finding.message)}"
    line = finding.location.source.line(finding.location.line)
    if line.strip():
        start, column = 0, finding.location.column - 1
        if len(line) > _WIDTH:
            start = max(0, column - _WIDTH // 2)
        quoted = "".join(c if c.isprintable() else " " for c in line[start : start + _WIDTH])
        number = str(finding.location.line)
        text += f"\n  {painted(f'{number} |', 'dim', stream)} {quoted}"
        caret = painted("^", color, stream)
        margin = painted(f"{' ' * len(number)} |", "dim", stream)
        text += f"\n  {margin} {' ' * (column - start)}{caret}"
    return f"{text}\n  help: {plain(finding.help)}\n"


def _summary(found: "tuple[Diagnostic, ...]") -> str:
    errors = sum(finding.severity == "error" for finding in found)
    counts = [(errors, "error"), (len(found) - errors, "warning")]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)


def _change(change: "Change") -> str:
    use = {"receives": "received", "sends": "sent"}.get(change.use, "received and sent")
    text = plain(change.name)
    if change.before is not None:
        text += f", until now {plain(change.before)}"
    text += f", {use} on {plain(change.topic)}"
    if change.handler_before is not None and change.handler != change.handler_before:
        text += f": {change.handler_before} is now {change.handler}"
    return text


def _missing(missing: "Missing") -> Iterator[str]:
    where = shown(missing.file)
    if missing.class_ is not None:
        where = f"{missing.class_} in {where}"
    if missing.stale:
        yield ""
        yield (
            f"{where} has {', '.join(missing.stale)}, which no message calls: rename or remove"
            " it, else the class is refused when it is imported"
        )
    if not missing.methods:
        return
    yield ""
    count = len(missing.methods)
    if not missing.file.exists():
        methods = f"{count} method{'' if count == 1 else 's'}"
        yield f"{where} is not there yet; --stubs writes it, with {methods} to fill"
        return
    yield f"{where} lacks {', '.join(missing.methods)}; --stubs appends what is missing"
    if count <= _PASTED:
        yield ""
        yield from missing.imports
        if missing.imports:
            yield ""
        yield missing.source
