"""What an update does: made on a throwaway clone, looked at, and only then taken over.

1. Clone what is committed, and let Copier update the clone.
2. Compare. Copier deletes a file that the template has dropped or renamed, edited or not, and puts
   its own in place of a binary that was replaced: edits of the user's are brought back.
3. Take the result over into the service, all of it or nothing, with the conflicts marked as Git
   marks those of a merge.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .update_copier import Answers, Copier
from .update_errors import UpdateError
from .update_git import Repository, Stage
from .update_rescue import Kept, Work, binaries, dropped, replaced

RESULT = "refs/heads/axion-update"
"""Where the clone keeps the result, for the service's repository to fetch."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update does to a service; paths are the service's."""

    source: str
    before: str
    after: str
    changed: tuple[str, ...]
    added: tuple[str, ...]
    deleted: tuple[str, ...]
    conflicts: tuple[str, ...]
    """What a person must put right."""
    kept: tuple[Kept, ...]
    ignored: tuple[str, ...]
    """New files that the service's Git ignores, so that they do not come."""
    answers: Mapping[str, Any]
    """Answers to new questions: their defaults."""
    tree: str
    stages: tuple[Stage, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.changed or self.added or self.deleted or self.conflicts)


def plan(
    service: Path,
    repository: Repository,
    copier: Copier,
    version: str | None,
    scratch: Path,
    tell: Callable[[str], None],
) -> Plan:
    """Make an update on a clone in `scratch`; the service stays as it is.

    Raises:
        UpdateError: it cannot be made.
    """
    before = Answers.read(service)
    prefix = Repository(service).text("rev-parse", "--show-prefix")
    tell("updating a copy of the service")
    clone = repository.clone(scratch / "clone")
    copier.update(clone.top / prefix, version, before)
    after = Answers.read(clone.top / prefix)
    index = scratch / "index"
    clone.run("read-tree", "HEAD", index=index)
    first = clone.tree_of_work(clone.top, index)
    work = Work(clone, prefix, index, {}, clone.entries("HEAD"), clone.entries(first), [])
    work.stages = clone.unmerged()
    kept: list[Kept] = []
    # The old version is rendered only if Copier took or replaced something.
    if any(path not in work.new or replaced(work, path) for path in work.ours):
        tell("looking for edits that would be lost")
        old = _old_tree(clone, copier, before, scratch)
        work.old = {prefix + path: entry for path, entry in clone.entries(old).items()}
        kept = [*dropped(work, old), *binaries(work)]
    tree = clone.text("write-tree", index=index)
    commit = ("-c", "user.name=axion", "-c", "user.email=axion@localhost", "commit-tree")
    result = clone.text(*commit, "-p", "HEAD", "-m", "Update", tree)
    clone.run("update-ref", RESULT, result)
    differences = _differences(clone, tree)
    ours = {path.removeprefix(prefix) for path in work.ours}
    for path in differences["A"]:
        if os.path.lexists(repository.top / path):
            raise UpdateError(
                f"{path} is in the way: the template has a file of this name now, and Git does not"
                " know yours. Move it, or commit it"
            )
    ignored = clone.parts("ls-files", "-z", "--others", "--ignored", "--exclude-standard")
    return Plan(
        source=before.source,
        before=before.version,
        after=after.version,
        **{
            name: tuple(path.removeprefix(prefix) for path in differences[letter])
            for name, letter in (("changed", "M"), ("added", "A"), ("deleted", "D"))
        },
        conflicts=tuple(dict.fromkeys(s.path.removeprefix(prefix) for s in work.stages)),
        kept=tuple(kept),
        ignored=tuple(path.removeprefix(prefix) for path in ignored if path not in ours),
        answers={n: value for n, value in after.given.items() if n not in before.given},
        tree=tree,
        stages=tuple(work.stages),
    )


def take_over(repository: Repository, clone: Repository, plan: Plan, head: str) -> None:
    """Bring the result into the work tree: all of it or, if that fails, nothing.

    Raises:
        UpdateError: the work tree is no longer as it was planned for, or cannot be written.
    """
    if repository.head() != head or not repository.clean():
        raise UpdateError("the service has changed meanwhile: run it again")
    fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
    repository.run(*fetch, str(clone.top), RESULT)
    for blob in {stage.entry.blob: stage.entry for stage in plan.stages}.values():
        repository.store(clone.blob(blob))
    try:
        repository.run("read-tree", "-m", "-u", head, plan.tree)
        repository.run("read-tree", head)  # as Copier leaves it: changed, not staged
        repository.mark(plan.stages)
        repository.run("update-index", "-q", "--unmerged", "--refresh", "--ignore-missing")
    except BaseException:
        if not repository.clean():
            repository.run("read-tree", "--reset", "-u", plan.tree)  # knows what it has added
            repository.run("read-tree", "--reset", "-u", head)
        raise


def _differences(clone: Repository, tree: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"M": [], "A": [], "D": []}
    parts = clone.parts("diff-tree", "-r", "-z", "--no-renames", "--name-status", "HEAD", tree)
    for letter, path in zip(parts[::2], parts[1::2], strict=True):
        found["M" if letter == "T" else letter].append(path)
    return found


def _old_tree(clone: Repository, copier: Copier, answers: Answers, scratch: Path) -> str:
    folder = scratch / "old"
    copier.copy(folder, answers)
    return clone.tree_of_work(folder, scratch / "index-old")
