"""A package on disk: compared with what it should be, and replaced as a whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .render.lock import LOCK, digest


class OutputError(Exception):
    """The folder cannot be written, or is not ours to write; says why and what to do."""


class State(StrEnum):
    """How a file on disk differs from what is generated."""

    MISSING = "missing"
    CHANGED = "changed"
    LEFT_OVER = "left over"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file that is not as it should be."""

    path: str
    """Within the package."""
    state: State


def differences(folder: Path, files: Mapping[str, str]) -> list[Difference]:
    """What differs between a folder and the files it should hold, by path."""
    present = _present(folder)
    found = [Difference(name, State.LEFT_OVER) for name in present if name not in files]
    for name, text in files.items():
        if name not in present:
            found.append(Difference(name, State.MISSING))
        elif digest(_content(folder / name)) != digest(text.encode()):
            found.append(Difference(name, State.CHANGED))
    return sorted(found, key=lambda difference: difference.path)


def refuse_foreign(folder: Path) -> None:
    """See that a folder is ours to replace.

    Raises:
        OutputError: it is no folder, or holds what axion-gen did not write.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is no folder: give the package another name")
    present = _present(folder)
    if not present:
        return
    if LOCK not in present:
        raise OutputError(
            f"{folder} is not empty and has no {LOCK}: axion-gen replaces only what it made."
            " Choose another folder, or empty this one"
        )
    try:
        ours = set(json.loads(_content(folder / LOCK))["files"])
    except (ValueError, TypeError, LookupError):
        # Not readable, for one because it holds conflict markers: the package is made anew.
        return
    foreign = [name for name in present if name not in ours and name != LOCK]
    if foreign:
        raise OutputError(
            f"{folder} holds what axion-gen did not make: {', '.join(foreign[:5])}."
            " The folder is replaced as a whole, so move that elsewhere"
        )


def edited(folder: Path) -> list[str]:
    """The files that are not as axion-gen left them: whatever was done to them will be lost."""
    try:
        files = dict(json.loads(_content(folder / LOCK))["files"])
        return [
            name
            for name in _present(folder)
            if name in files and digest(_content(folder / name)) != files[name]
        ]
    except (OSError, ValueError, TypeError, LookupError):
        return []


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Replace a folder by one that holds just these files.

    They are written beside it first; two renames put them in place.

    Raises:
        OutputError: that failed, and what was there still is.
    """
    refuse_foreign(folder)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
            new, old = Path(place, "new"), Path(place, "old")
            for name, text in files.items():
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            _swap(folder, new, old)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error


def _swap(folder: Path, new: Path, old: Path) -> None:
    if not folder.exists():
        new.rename(folder)
        return
    shutil.copymode(folder, new)
    folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:  # Ctrl-C, too: the old package goes with the temporary folder
        if not folder.exists():
            old.rename(folder)
        raise


def _present(folder: Path) -> list[str]:
    """The files in a folder, but for what Python caches there."""
    names: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        names += [Path(parent, name).relative_to(folder).as_posix() for name in files]
    return sorted(names)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
