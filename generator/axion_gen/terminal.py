"""Colour and progress, for terminals only."""

import os
import sys
from collections.abc import Mapping
from typing import Final, TextIO

_CODES: Final[Mapping[str, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "bold red": "1;31",
    "bold yellow": "1;33",
}


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees it, on a terminal that can do more than text."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(text: str, style: str, stream: TextIO) -> str:
    """A text in a style, where it goes to a terminal and NO_COLOR does not forbid it."""
    if not text or os.environ.get("NO_COLOR") or not is_terminal(stream):
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def plain(text: str) -> str:
    """A text without what a terminal would not print but do."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


class Progress:
    """Tells who waits what is being done: one line that is overwritten, on a terminal only."""

    def __init__(self) -> None:
        self._shown = is_terminal(sys.stderr)
        self._dirty = False

    def __call__(self, text: str) -> None:
        """Say what is being done now."""
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{plain(text)} ...")
            sys.stderr.flush()
            self._dirty = True

    def clear(self) -> None:
        """Take the line away."""
        if self._dirty:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._dirty = False
