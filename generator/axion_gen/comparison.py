"""A package on disk beside what it should be."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .lock import LOCK, content_of, digest, present, read_lock


class State(StrEnum):
    """How a file on disk differs from what is generated."""

    MISSING = "missing"
    CHANGED = "changed"
    """It is as axion-gen wrote it, which is no longer what the document makes."""
    EDITED = "edited"
    """It is not as axion-gen wrote it."""
    LEFT_OVER = "left over"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that is not as it should be."""

    path: str
    """Within the package."""
    state: State


def differences(folder: Path, files: Mapping[str, str]) -> list[Difference]:
    """What differs between a folder and the files it should hold, by path."""
    lock = read_lock(folder)
    written = lock.files if lock is not None else {}
    there = set(present(folder))
    found = [Difference(name, State.LEFT_OVER) for name in there if name not in files]
    for name, text in files.items():
        if name not in there:
            found.append(Difference(name, State.MISSING))
            continue
        hash_ = digest(content_of(folder / name))
        if hash_ != digest(text.encode()):
            edited = name != LOCK and name in written and hash_ != written[name]
            found.append(Difference(name, State.EDITED if edited else State.CHANGED))
    return sorted(found, key=lambda difference: difference.path)


def edits(folder: Path, files: Mapping[str, str]) -> list[str]:
    """The files that were edited since axion-gen wrote them, and would be lost by writing."""
    lock = read_lock(folder)
    written = lock.files if lock is not None else {}
    return [
        difference.path
        for difference in differences(folder, files)
        if difference.state is State.EDITED
        or (
            difference.state is State.LEFT_OVER
            and difference.path in written
            and digest(content_of(folder / difference.path)) != written[difference.path]
        )
    ]


def unified(folder: Path, files: Mapping[str, str], difference: Difference) -> str:
    """What would change in one file, as `diff -u` says it."""
    before = content_of(folder / difference.path).decode("utf-8", "replace")
    after = files.get(difference.path, "")
    old, new = f"a/{difference.path}", f"b/{difference.path}"
    if difference.state is State.MISSING:
        old = "/dev/null"
    elif difference.state is State.LEFT_OVER:
        new = "/dev/null"
    return "".join(_ended(difflib.unified_diff(_lines(before), _lines(after), old, new)))


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").splitlines(keepends=True)


def _ended(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
