"""What a run of the generator came to: a value, which `report` says in one form or another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .asyncapi.diagnostics import Diagnostic
    from .changes import Change
    from .comparison import Difference
    from .stubs import Missing


class Result(StrEnum):
    """How it ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    DIFFERENT = "different"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and all there is to say."""

    result: Result
    output: Path | None = None
    """The package's folder, where that is known."""
    found: "tuple[Diagnostic, ...]" = ()
    error: str | None = None
    """Why it failed, if not for what is wrong in the document; a problem a line."""
    note: str | None = None
    """What else is to be known."""
    files: "tuple[Difference, ...]" = ()
    """What differs, where nothing was to be written."""
    diffs: Mapping[str, str] = field(default_factory=dict)
    """What would change in each of them, if that was asked for."""
    lost: tuple[str, ...] = ()
    """The files whose edits were overwritten, as was asked for."""
    changes: "tuple[Change, ...]" = ()
    missing: "Missing | None" = None
    """What the user's class of handlers lacks."""
    appended: "Missing | None" = None
    """What was appended to it, or would be."""
    dry: bool = False
    """Whether nothing was to be written."""
    watched: frozenset[Path] = frozenset()
    """The files that were read."""
