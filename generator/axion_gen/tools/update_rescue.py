"""Edits of the user's that Copier alone would lose without a word, brought back.

Copier deletes a file that the template has dropped or renamed, edited or not, and puts its own
file in place of a binary that the user has replaced.
"""

import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .update_git import BASE, OURS, THEIRS, Entry, Repository, Stage


class Why(StrEnum):
    """Why Copier alone would have lost the user's edits without a word."""

    DROPPED = "dropped"
    RENAMED = "renamed"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file with edits of the user's that the update kept."""

    path: str
    why: Why
    to: str | None = None
    """Of a renamed file, where the edits are now."""


@dataclass(slots=True)
class Work:
    """The clone and the trees that are compared; paths in trees are the repository's."""

    clone: Repository
    prefix: str
    index: Path
    old: dict[str, Entry]
    """The template's files in the old version."""
    ours: dict[str, Entry]
    """What was committed before."""
    new: dict[str, Entry]
    """What Copier made of it."""
    stages: list[Stage]

    def keep(self, path: str, entry: Entry | None) -> None:
        """Have a path in the result, or have it not."""
        self.clone.put(path, entry, self.index)

    def conflict(self, path: str, *sides: Entry | None) -> None:
        """Mark a path, by its sides: the last version, the user's, the new version."""
        numbers = (BASE, OURS, THEIRS)
        self.stages += [
            Stage(path, n, side) for n, side in zip(numbers, sides, strict=True) if side
        ]


def dropped(work: Work, old: str) -> list[Kept]:
    """Bring back the edits in files that the new version has elsewhere, or no more."""
    kept = []
    for path, base in work.old.items():
        ours = work.ours.get(path)
        if ours is None or path in work.new or ours == base:
            continue
        shown = path.removeprefix(work.prefix)
        to = _renamed(work, old).get(path)
        if to is None:
            work.keep(path, ours)
            work.conflict(path, base, ours, None)
            kept.append(Kept(shown, Why.DROPPED))
        else:
            _merge(work, to, base, ours)
            kept.append(Kept(shown, Why.RENAMED, to.removeprefix(work.prefix)))
    return kept


def _renamed(work: Work, old: str) -> dict[str, str]:
    """Where the template's files went, as far as Git sees it by their likeness."""
    new = work.clone.text("write-tree", index=work.index)
    if work.prefix:
        new = f"{new}:{work.prefix.rstrip('/')}"
    options = ("-r", "-z", "--find-renames", "--diff-filter=R", "--name-status")
    parts = work.clone.parts("diff-tree", *options, old, new)
    pairs = zip(parts[1::3], parts[2::3], strict=True)
    moved = {work.prefix + path: work.prefix + to for path, to in pairs}
    return {path: to for path, to in moved.items() if to not in work.ours}


def _merge(work: Work, to: str, base: Entry, ours: Entry) -> None:
    """Merge the user's edits of a file into what it is now."""
    theirs = work.new[to]
    sides = {"ours": ours, "base": base, "theirs": theirs}
    folder = work.index.parent / "merge"
    folder.mkdir(exist_ok=True)
    for name, entry in sides.items():
        (folder / name).write_bytes(work.clone.blob(entry))
    labels = ("-L", "before updating", "-L", "last update", "-L", "after updating")
    done = subprocess.run(  # noqa: S603
        ["git", "merge-file", "-p", *labels, *sides],  # noqa: S607
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if done.returncode > 127:  # it cannot be merged, a binary
        work.keep(to, Entry(theirs.mode, ours.blob))
    else:
        work.keep(to, Entry(theirs.mode, work.clone.store(done.stdout)))
    if done.returncode:
        work.conflict(to, base, ours, theirs)


def binaries(work: Work) -> list[Kept]:
    """Bring back the binaries that the user has replaced."""
    kept = []
    for path, base in work.old.items():
        ours, new = work.ours.get(path), work.new.get(path)
        if ours is None or new is None or ours == base or not replaced(work, path):
            continue
        work.keep(path, ours)
        kept.append(Kept(path.removeprefix(work.prefix), Why.BINARY))
        if new != base:
            work.conflict(path, base, ours, new)
    return kept


def replaced(work: Work, path: str) -> bool:
    """Whether a file is none of text, and Copier has put another in its place."""
    ours, new = work.ours[path], work.new.get(path)
    return new is not None and ours != new and b"\0" in work.clone.blob(ours)[:8000]
