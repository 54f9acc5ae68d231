"""What is wrong with a document: errors as values, all collected, each with its place."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final

from .rules import RULES, Severity


@lru_cache(maxsize=4)
def _lines(text: str) -> list[str]:
    """Lines as editors count them, which know fewer ends of lines than Python."""
    return [line.removesuffix("\r") for line in text.split("\n")]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One file as it was read."""

    path: Path
    """Absolute."""
    name: str
    """How messages name it: as the user gave it, or relative to the document."""
    content: bytes = b""
    text: str = ""
    url: str | None = None
    """Where it was read from, if that is the network; `path` is then where its copy is."""

    def line(self, number: int) -> str:
        """A line of the text, counted from 1; empty where there is none."""
        lines = _lines(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; lines and columns count from 1, and line 0 is the file as a whole."""

    source: Source
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """As editors and terminals link it."""
        return f"{self.source.name}:{self.line}:{self.column}" if self.line else self.source.name


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding."""

    rule: str
    """The id of a rule in `rules.RULES`."""
    message: str
    """What is wrong here."""
    help: str
    """What to do about it."""
    location: Location

    @property
    def severity(self) -> Severity:
        """Whether it stops the generator."""
        return RULES[self.rule].severity


_ONCE_A_PLACE: Final = frozenset({"wrong-type", "unknown-field", "invalid-value"})
"""Rules that one value breaks once, whoever stumbles over it and however they put it."""


MAX_FINDINGS: Final = 500
"""How many errors, and how many warnings, are said of a document."""


@dataclass(slots=True)
class Diagnostics:
    """Everything found so far, in the order of the document, each finding once."""

    files: set[Path] = field(default_factory=set)
    """Every file that was read, or was to be read and could not be."""
    _found: dict[tuple[str, str, Source, int, int], Diagnostic] = field(default_factory=dict)
    _left: dict[Severity, int] = field(
        default_factory=lambda: dict.fromkeys(Severity, MAX_FINDINGS)
    )

    def add(self, rule: str, message: str, location: Location, help: str) -> None:  # noqa: A002 - the word readers see
        """Note a finding; `help` is what a reader does about it."""
        said = "" if rule in _ONCE_A_PLACE else message
        key = (rule, said, location.source, location.line, location.column)
        if key in self._found:
            return
        severity = RULES[rule].severity
        self._left[severity] -= 1
        if self._left[severity] >= 0:
            self._found[key] = Diagnostic(rule, message, help, location)
        elif self._left[severity] == -1:
            what = f"there are more than {MAX_FINDINGS} {severity}s; only those are said"
            self._found[key] = Diagnostic("more-findings", what, "begin with the others", location)

    def __iter__(self) -> Iterator[Diagnostic]:
        """In the order of files and lines."""
        files = list(dict.fromkeys(finding.location.source for finding in self._found.values()))
        return iter(
            sorted(
                self._found.values(),
                key=lambda found: (
                    files.index(found.location.source),
                    found.location.line,
                    found.location.column,
                ),
            )
        )

    @property
    def has_errors(self) -> bool:
        """Whether anything found stops the generator."""
        return any(finding.severity is Severity.ERROR for finding in self._found.values())


def shown(text: str, limit: int = 60) -> str:
    """A text from a document as messages quote it: printable, bounded, in one line."""
    beginning = text[: limit + 1]  # it may be very long
    quoted = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in beginning)
    return f"`{quoted if len(quoted) <= limit else quoted[: limit - 1] + '…'}`"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that another was meant to be; None where there is none, or far too many."""
    if len(name) > 100:
        return None
    candidates = [other for other in islice(known, 200) if abs(len(other) - len(name)) < 10]
    return next(iter(get_close_matches(name, candidates, n=1)), None)
