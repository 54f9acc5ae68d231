"""Git, for `axion update`: repositories, trees and the index, by plumbing commands."""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .update_errors import UpdateError

_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
"""What a hook of Git sets, and would lead every other command to its own repository."""

BASE, OURS, THEIRS = 1, 2, 3
"""The stages of a path in conflict: the last version, the user's, the new version."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a tree, or in the index."""

    mode: str
    blob: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One side of a path in conflict."""

    path: str
    number: int
    entry: Entry


class Repository:
    """A Git repository with a work tree.

    Raises:
        UpdateError: Git is missing, or a command of it failed.
    """

    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def around(cls, folder: Path) -> Self:
        """The repository that a folder is in."""
        if not folder.is_dir():
            raise UpdateError(f"{folder} is no folder")
        try:
            top = cls(folder).text("rev-parse", "--show-toplevel")
        except UpdateError as error:
            raise UpdateError(
                f"{folder} is in no Git repository, and an update needs its history: {error}"
            ) from None
        return cls(Path(top))

    def run(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> bytes:
        """Run a command; what it wrote."""
        environment = {name: text for name, text in os.environ.items() if name not in _INHERITED}
        environment["LC_ALL"] = "C"
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        try:
            done = subprocess.run(  # noqa: S603 - no shell, and no option is of a stranger
                ["git", *arguments],  # noqa: S607 - the user's Git
                cwd=self.top,
                env=environment,
                input=stdin,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise UpdateError("Git is not found: install it, an update needs it") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise UpdateError(f"git {arguments[0]}: {said or f'exit code {done.returncode}'}")
        return done.stdout

    def text(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> str:
        """Run a command that writes a line."""
        return os.fsdecode(self.run(*arguments, stdin=stdin, index=index)).strip()

    def parts(self, *arguments: str, index: Path | None = None) -> list[str]:
        """Run a command with -z; the parts of what it wrote."""
        return os.fsdecode(self.run(*arguments, index=index)).split("\0")[:-1]

    def head(self) -> str:
        """The commit that is checked out."""
        try:
            return self.text("rev-parse", "--verify", "HEAD")
        except UpdateError:
            raise UpdateError("nothing is committed yet: commit the service first") from None

    def clean(self) -> bool:
        """Whether the work tree is what is committed, without a file beside it."""
        return not self.run("status", "--porcelain")

    def clone(self, to: Path) -> "Repository":
        """A clone of what is committed; it borrows the objects of this one."""
        self.run("clone", "--quiet", "--shared", "--no-tags", str(self.top), str(to))
        return Repository(to)

    def tree_of_work(self, work: Path, index: Path) -> str:
        """A folder's files as a tree, those that Git ignores left out."""
        self.run("--work-tree", str(work), "add", "--all", index=index)
        return self.text("write-tree", index=index)

    def entries(self, tree: str) -> dict[str, Entry]:
        """The files of a tree."""
        found = {}
        for part in self.parts("ls-tree", "-r", "-z", tree):
            about, _, path = part.partition("\t")
            mode, _, blob = about.split()
            found[path] = Entry(mode, blob)
        return found

    def unmerged(self) -> list[Stage]:
        """The sides of each path that is in conflict."""
        found = []
        for part in self.parts("ls-files", "--unmerged", "-z"):
            about, _, path = part.partition("\t")
            mode, blob, number = about.split()
            found.append(Stage(path, int(number), Entry(mode, blob)))
        return found

    def blob(self, entry: Entry) -> bytes:
        """A file's content."""
        return self.run("cat-file", "blob", entry.blob)

    def store(self, content: bytes) -> str:
        """Keep a content; the name of its blob."""
        return self.text("hash-object", "-w", "--stdin", stdin=content)

    def put(self, path: str, entry: Entry | None, index: Path) -> None:
        """Set a path in an index, or take it away."""
        if entry is None:
            self.run("update-index", "--force-remove", "--", path, index=index)
            return
        line = f"{entry.mode} {entry.blob} 0\t{path}\0"
        self.run("update-index", "-z", "--index-info", stdin=os.fsencode(line), index=index)

    def mark(self, stages: Iterable[Stage]) -> None:
        """Note paths as in conflict, as a merge does."""
        stages = list(stages)
        gone = "0" * 40
        lines = [f"0 {gone} 0\t{path}\0" for path in dict.fromkeys(s.path for s in stages)]
        lines += [f"{s.entry.mode} {s.entry.blob} {s.number}\t{s.path}\0" for s in stages]
        if lines:
            self.run("update-index", "-z", "--index-info", stdin=os.fsencode("".join(lines)))
