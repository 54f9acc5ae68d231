"""The command `axion-gen`.

Exit codes: 0 the package is written, or is as it should be; 1 `--check` or `--diff` found
differences; 2 the document, the settings or the folder are not such that it could be written;
130 it was interrupted.

It is argparse, and everything is imported where it is used, for a command that runs on every commit
has to be quick: the usual libraries for it take longer to import than `--help` or `--check` may.
"""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from . import __version__

if TYPE_CHECKING:
    from .generation import Task
    from .outcome import Outcome
    from .report import Format

DIFFERENT: Final = 1
FAILED: Final = 2
INTERRUPTED: Final = 130

_DESCRIPTION: Final = "Generate a typed Python package for Kafka from an AsyncAPI document."
_EPILOG: Final = """\
Settings of the same names are read from [tool.axion-gen] of the pyproject.toml nearest to the
document: document, output, perspective, handlers, root, remote.

Exit codes:
  0    written, or nothing to write
  1    --check or --diff found differences
  2    nothing could be written, and what was there is as it was
  130  interrupted, and what was there is as it was
"""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character of the document gets its escape.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    # A contract is many small objects that stay: looking for garbage among them takes a fifth of
    # the time, and a process that ends leaves none.
    gc.set_threshold(200_000, 50, 50)
    try:
        code = _run(_parser().parse_args(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        code = INTERRUPTED
    except BrokenPipeError:
        # Who reads has read enough; Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="axion-gen",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="axion-gen [SPEC] [options]",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("spec", nargs="?", type=Path, metavar="SPEC", help="the AsyncAPI document")
    settings = parser.add_argument_group("what, and where")
    add = settings.add_argument
    add("--output", type=Path, metavar="FOLDER", help="the package's folder")
    add(
        "--perspective",
        choices=("application", "client"),
        help="whose document it is: of the service generated, or of who talks to it",
    )
    add("--handlers", type=Path, metavar="FILE", help="your file with the class of handlers")
    add("--root", type=Path, metavar="FOLDER", help="the folder that no reference leaves")
    add(
        "--remote",
        action="append",
        metavar="ADDRESS",
        help="allow references to what is below this https:// address; repeat for more",
    )
    add("--refresh", action="store_true", help="fetch what is on the network anew")
    mode = parser.add_argument_group("how")
    ways = mode.add_mutually_exclusive_group()
    add = ways.add_argument
    add("--check", action="store_true", help="write nothing; exit 1 if something would change")
    add("--dry-run", action="store_true", help="write nothing; say what would change")
    add("--watch", action="store_true", help="run again after each change, until Ctrl-C")
    add = mode.add_argument
    add("--diff", action="store_true", help="as --check, and show each change line by line")
    add("--stubs", action="store_true", help="append the methods that your class lacks")
    add("--overwrite", action="store_true", help="let edits of generated files go")
    add(
        "--format",
        choices=("text", "json", "github", "sarif"),
        default="text",
        help="how to answer; text unless given",
    )
    add("--version", action="version", version=f"axion-gen {__version__}")
    return parser


def _run(chosen: argparse.Namespace) -> int:
    from .generation import Mode, Task
    from .report import Format

    reads = chosen.check or (chosen.diff and not chosen.dry_run)
    if reads and (chosen.stubs or chosen.overwrite or chosen.watch or chosen.refresh):
        _refuse(
            "--check and --diff write nothing: without --stubs, --overwrite, --refresh, --watch"
        )
    if chosen.dry_run and (chosen.overwrite or chosen.refresh):
        _refuse("--dry-run writes nothing: not with --overwrite, --refresh")
    mode = Mode.DRY_RUN if chosen.dry_run else Mode.CHECK if reads else Mode.WRITE
    task = Task(mode, chosen.diff, chosen.stubs, chosen.overwrite, chosen.refresh)
    if not chosen.watch:
        return _code(_once(chosen, task, Format(chosen.format)), task)
    return _watch(chosen, task, Format(chosen.format))


def _once(chosen: argparse.Namespace, task: "Task", format_: "Format") -> "Outcome":
    """One run, and its answer."""
    from .generation import generate
    from .outcome import Outcome, Result
    from .report import report
    from .settings import Options, SettingsError, settings_of
    from .terminal import Progress

    options = Options(
        document=chosen.spec,
        output=chosen.output,
        perspective=chosen.perspective,
        root=chosen.root,
        handlers=chosen.handlers,
        remote=tuple(chosen.remote or ()),
    )
    progress = Progress()
    try:
        settings = settings_of(options)
        outcome = generate(settings, task, progress)
        if settings.pyproject is not None:
            outcome = replace(outcome, watched=outcome.watched | {settings.pyproject})
    except SettingsError as error:
        outcome = Outcome(
            Result.FAILED, options.output, error=str(error), watched=frozenset(error.files)
        )
    finally:
        progress.clear()
    report(format_, outcome)
    return outcome


def _code(outcome: "Outcome", task: "Task") -> int:
    from .generation import Mode
    from .outcome import Result

    if outcome.result is Result.FAILED:
        return FAILED
    checked = task.mode is Mode.CHECK and outcome.result is Result.DIFFERENT
    return DIFFERENT if checked else 0


def _watch(chosen: argparse.Namespace, task: "Task", format_: "Format") -> int:
    """Run after each change; Ctrl-C is how it ends, and so no failure."""
    from .watching import watch

    def run() -> frozenset[Path]:
        watched = _once(chosen, task, format_).watched
        if not watched:
            sys.exit(FAILED)  # there is nothing yet that could change
        count = len(watched)
        sys.stderr.write(f"watching {count} file{'' if count == 1 else 's'}; Ctrl-C ends it\n")
        return watched

    try:
        watch(run)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    return 0


def _refuse(text: str) -> NoReturn:
    sys.stderr.write(f"axion-gen: {text}\n")
    sys.exit(FAILED)
