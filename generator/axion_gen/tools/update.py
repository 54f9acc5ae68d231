"""The command `axion update`."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..terminal import Progress, is_terminal, plain
from . import update_text as text
from .update_copier import Copier, repository_of
from .update_errors import UpdateError
from .update_git import Repository
from .update_plan import Plan, plan, take_over

Form = Literal["text", "json"]


def update(
    service: Annotated[
        Path, typer.Argument(help="The service's folder.", metavar="SERVICE")
    ] = Path(),
    vcs_ref: Annotated[
        str | None,
        typer.Option(help="A version of the template: by default the newest.", metavar="VERSION"),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Let the template run its generator, as with Copier.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Update without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what an update would do.")
    ] = False,
    output: Annotated[
        Form, typer.Option("--format", help="`json` prints one document for programs.")
    ] = "text",
) -> None:
    """Update a service to a version of its template: show what would change, then do it.

    The update is made by Copier, on a throwaway clone of what is committed, and taken over whole
    or not at all. Edits in files that the template has dropped or renamed are kept.

    Exit codes: 0 updated, or nothing to do; 1 conflicts are to be put right, or would be; 2 it
    cannot be done, and nothing has changed.
    """
    if vcs_ref is not None and vcs_ref.startswith("-"):
        raise typer.BadParameter(f"{vcs_ref!r} is no version")
    progress = Progress()
    try:
        raise typer.Exit(
            _update(service.resolve(), vcs_ref, trust, _decision(yes, dry_run), output, progress)
        )
    except UpdateError as error:
        progress.clear()
        if output == "json":
            typer.echo(json.dumps({"result": "failed", "error": str(error)}))
        for line in str(error).splitlines():
            typer.echo(f"axion: {plain(line)}", err=True)
        raise typer.Exit(2) from None
    finally:
        progress.clear()


def _decision(yes: bool, dry_run: bool) -> bool | None:
    """Whether to do it; None is to ask."""
    if yes or dry_run:
        return not dry_run
    if is_terminal(sys.stdin) and is_terminal(sys.stderr):
        return None
    raise typer.BadParameter("there is no terminal to ask on: say --yes, or --dry-run to look only")


def _update(
    service: Path,
    version: str | None,
    trusted: bool,
    decision: bool | None,
    output: Form,
    progress: Progress,
) -> int:
    repository = repository_of(service)
    copier = Copier(service, trusted=trusted)
    head = repository.head()
    with tempfile.TemporaryDirectory(prefix="axion-update-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder).resolve()
        planned = plan(service, repository, copier, version, scratch, progress)
        progress.clear()
        if output == "text":
            typer.echo("\n".join(text.preview(planned, sys.stdout)))
        done = not planned.empty and _decided(decision)
        if done:
            take_over(repository, Repository(scratch / "clone"), planned, head)
    _close(planned, output, done=done)
    return 1 if planned.conflicts else 0


def _decided(decision: bool | None) -> bool:
    return typer.confirm("Update?", err=True) if decision is None else decision


def _close(planned: Plan, output: Form, *, done: bool) -> None:
    if output == "json":
        result = "unchanged" if planned.empty else "updated" if done else "previewed"
        typer.echo(json.dumps(text.as_json(planned, result), default=str))
        return
    for line in text.closing(planned, done=done):
        typer.echo(line)
