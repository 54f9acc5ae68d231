"""What `axion update` says: to people, and as JSON to programs."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, TextIO

from ..terminal import painted, plain
from .update_copier import hidden
from .update_plan import Plan
from .update_rescue import Kept, Why

GENERATED = "axion.lock"
"""The file that tells a folder of generated files: people want to see its name only."""


def as_json(plan: Plan, result: str) -> dict[str, Any]:
    """The answer to a program."""
    return {
        "result": result,
        "source": hidden(plan.source),
        "before": plan.before,
        "after": plan.after,
        "changed": list(plan.changed),
        "added": list(plan.added),
        "deleted": list(plan.deleted),
        "conflicts": list(plan.conflicts),
        "kept": [{"path": kept.path, "why": kept.why.value, "to": kept.to} for kept in plan.kept],
        "ignored": list(plan.ignored),
        "answers": dict(plan.answers),
    }


def preview(plan: Plan, stream: TextIO) -> Iterator[str]:
    """What an update would do."""
    versions = plan.after if plan.before == plan.after else f"{plan.before} -> {plan.after}"
    yield f"{painted(plain(versions), 'bold', stream)}  of {plain(hidden(plan.source))}"
    if plan.empty:
        yield "nothing to do"
        return
    for title, style, line in _rows(plan):
        yield f"{painted(f'{title:<9}', style, stream)} {line}"


def _rows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    yield from (("changed", "dim", line) for line in _folded(plan.changed, plan))
    yield from (("added", "green", line) for line in _folded(plan.added, plan))
    yield from (("deleted", "red", line) for line in _folded(plan.deleted, plan))
    for path in plan.ignored:
        yield "ignored", "dim", f"{plain(path)}  (by the service's Git, so it does not come)"
    for name, value in plan.answers.items():
        yield "answer", "dim", f"{plain(f'{name}: {value}')}  (a new question's default)"
    yield from (("kept", "bold yellow", _kept(kept)) for kept in plan.kept)
    yield from (("conflict", "bold red", plain(path)) for path in plan.conflicts)


def closing(plan: Plan, *, done: bool) -> Iterator[str]:
    """What is left to do."""
    count = len(plan.conflicts)
    if done and count:
        noun = "1 conflict remains" if count == 1 else f"{count} conflicts remain"
        yield f"updated; {noun}: put it right in each file, git add it, run make check test, commit"
        yield "(or take it all back: git reset --hard && git clean -d --force)"
    elif done:
        yield "updated: read the difference (git diff), run make check test, commit"
    elif not plan.empty:
        yield "nothing has changed yet"


def _kept(kept: Kept) -> str:
    path = plain(kept.path)
    match kept.why:
        case Why.DROPPED:
            return f"{path}  (with your edits; the template has dropped it: git add it, or git rm)"
        case Why.RENAMED:
            return f"{path}  (your edits; the file is now {plain(kept.to or '')})"
        case Why.BINARY:
            return f"{path}  (your own file in place of the template's)"


def _folded(paths: Iterable[str], plan: Plan) -> Iterator[str]:
    """The paths, those of a generated package in one line."""
    everything = (*plan.changed, *plan.added)
    folders = {str(PurePosixPath(p).parent) for p in everything if p.endswith(f"/{GENERATED}")}
    counts = dict.fromkeys(folders, 0)
    for path in paths:
        folder = next((f for f in folders if path.startswith(f"{f}/")), None)
        if folder is None or path in plan.conflicts:
            yield plain(path)
        else:
            counts[folder] += 1
    for folder, count in counts.items():
        if count:
            yield f"{plain(folder)}/  ({count} {'file' if count == 1 else 'files'}, generated)"
