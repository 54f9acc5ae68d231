"""One run: settings to a package on disk, or to the reasons why not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from .lock import LOCK, content_of, is_current, read_lock
from .outcome import Outcome, Result
from .output import OutputError, recover, refuse_foreign, reserved, some, write
from .settings import Settings

if TYPE_CHECKING:
    from .asyncapi import Diagnostics
    from .asyncapi.remote import Fetch
    from .stubs import Edit, Missing


class Mode(Enum):
    """What is done with a package that differs."""

    WRITE = "write"
    CHECK = "check"
    DRY_RUN = "dry run"


@dataclass(frozen=True, slots=True)
class Task:
    """What a run is to do."""

    mode: Mode = Mode.WRITE
    diff: bool = False
    """Whether to say what would change, line by line."""
    stubs: bool = False
    """Whether to append the methods that the user's class lacks."""
    overwrite: bool = False
    """Whether edits of generated files may be lost."""
    refresh: bool = False
    """Whether documents on the network are fetched anew."""


def generate(settings: Settings, task: Task, progress: Callable[[str], None]) -> Outcome:
    """Generate, compare, and write if that is the task; every failure is an outcome.

    Args:
        settings: what, and where.
        task: what to do about it.
        progress: is told what is being done.
    """
    writing = task.mode is Mode.WRITE
    read: set[Path] = set()

    def waiting() -> None:
        progress(f"waiting for another run that writes {settings.output}")

    try:
        with reserved(settings.output, shared=not writing, waiting=waiting):
            if writing:
                recover(settings.output)
            if not task.refresh and is_current(
                settings.document, settings.output, settings.identity
            ):
                outcome = _current(settings, task)
            else:
                outcome = _generate(settings, task, progress, read)
            return replace(outcome, note=settings.passed_over, dry=not writing)
    except OutputError as error:
        return Outcome(
            Result.FAILED,
            settings.output,
            error=str(error),
            note=settings.passed_over,
            watched=frozenset(read or {settings.document.absolute()}),
        )


def _current(settings: Settings, task: Task) -> Outcome:
    """Nothing to do, but for what the user's class may lack."""
    outcome = Outcome(Result.UNCHANGED, settings.output, watched=_locked(settings.output))
    if task.mode is not Mode.WRITE and not task.stubs:
        return outcome
    source = content_of(settings.output / "handlers.py").decode()
    edit, missing = _handlers(settings, task, source, ())
    if task.mode is Mode.WRITE:
        _append(edit)
    return replace(outcome, missing=missing, appended=edit.missing if edit else None)


def _generate(
    settings: Settings, task: Task, progress: Callable[[str], None], read: set[Path]
) -> Outcome:
    # Imported here: it takes longer than to see that nothing has changed.
    from .asyncapi import Diagnostics, Remote, read_contract
    from .changes import changes
    from .comparison import differences, edits, unified
    from .render import render

    output, writing = settings.output, task.mode is Mode.WRITE
    found = Diagnostics(files=read)
    remote = Remote(
        settings.document, settings.remote, "all" if task.refresh else _fetch(writing=writing)
    )
    progress(f"reading {settings.document}")
    contract = read_contract(
        settings.document,
        found,
        within=settings.root,
        remote=remote,
        perspective=settings.perspective,
    )
    if contract is None:
        return _failed(output, found)
    count = sum(len(topic.messages) for topic in contract.topics)
    progress(f"generating {count:,} message{'' if count == 1 else 's'}")
    files = render(contract, output.resolve(), found, settings=settings.identity)
    if files is None:
        return _failed(output, found)
    if writing:
        refuse_foreign(output, files)
    outcome = Outcome(Result.UNCHANGED, output, tuple(found), watched=frozenset(found.files))
    differing = differences(output, files)
    old, new = read_lock(output), _messages(files)
    changed = changes(old.messages, new) if old is not None and old.messages else []
    added = tuple(change.handler for change in changed if change.handler)
    edit, missing = None, None
    if task.mode is not Mode.CHECK:
        edit, missing = _handlers(settings, task, files["handlers.py"], added)
    outcome = replace(
        outcome, changes=tuple(changed), missing=missing, appended=edit.missing if edit else None
    )
    if not writing:
        diffs = {d.path: unified(output, files, d) for d in differing} if task.diff else {}
        result = Result.DIFFERENT if differing else Result.UNCHANGED
        return replace(outcome, result=result, files=tuple(differing), diffs=diffs)
    lost = edits(output, files)
    if lost and not task.overwrite:
        raise OutputError(
            f"{output} was edited since axion-gen wrote it: {some(lost)}. The edits belong"
            " elsewhere, or --overwrite lets them go; --diff shows them"
        )
    progress(f"writing {output}")
    try:
        remote.save()
    except OSError as error:
        raise OutputError(f"{remote.folder} cannot be written: {error.strerror}") from error
    if differing:
        write(output, files)
    _append(edit)
    result = Result.WRITTEN if differing else Result.UNCHANGED
    return replace(outcome, result=result, lost=tuple(lost))


def _fetch(*, writing: bool) -> "Fetch":
    return "missing" if writing else "nothing"


def _failed(output: Path, found: "Diagnostics") -> Outcome:
    return Outcome(Result.FAILED, output, tuple(found), watched=frozenset(found.files))


def _handlers(
    settings: Settings, task: Task, source: str, new: tuple[str, ...]
) -> "tuple[Edit | None, Missing | None]":
    """What the user's class lacks: to be appended, or to be said.

    Raises:
        OutputError: it is to be appended and cannot be.
    """
    from .handlers_class import StubsError
    from .methods import demanded
    from .stubs import edit, missing_methods

    demand = demanded(source)
    file = settings.handlers_file
    if not task.stubs:
        return None, missing_methods(file, settings.output, demand, new)
    try:
        edited = edit(file, settings.output, demand)
    except StubsError as error:
        raise OutputError(str(error)) from error
    stale = replace(edited.missing, methods=()) if edited.missing.stale else None
    return (edited if edited.missing.methods else None), stale


def _append(edit: "Edit | None") -> None:
    from .handlers_class import StubsError
    from .stubs import append

    if edit is not None:
        try:
            append(edit)
        except StubsError as error:
            raise OutputError(str(error)) from error


def _messages(files: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    import json

    messages: Mapping[str, Mapping[str, str]] = json.loads(files[LOCK])["messages"]
    return messages


def _locked(output: Path) -> frozenset[Path]:
    """The contract's files, as the lock names them."""
    lock = read_lock(output)
    names = lock.contract if lock is not None else {}
    return frozenset((output.resolve() / name).resolve() for name in names)
