"""The one way for text of a document into Python source."""

import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Final

LINE_LENGTH: Final = 100


def literal(value: object) -> str:
    """A value as a Python literal; what does not print is escaped."""
    return repr(value)


def prose(text: str) -> str:
    """A description fit to be read: no control characters, no invisible reordering of text.

    Characters that hide or turn around what follows are shown as their escapes, so that source
    reads as it runs (https://trojansource.codes).
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
    shown = ("".join(_shown(character) for character in line).rstrip() for line in lines)
    return "\n".join(shown).strip()


def said(definition: Mapping[str, object]) -> str:
    """The description in a definition, fit to be read."""
    return prose(str(definition.get("description", "")))


def docstring(text: str, *, indent: int = 0) -> str:
    """A docstring, quotes and all, for a place indented by so many characters."""
    width = LINE_LENGTH - indent - 3
    lines = [
        line if len(line) <= width else _wrapped(line, width) for line in prose(text).split("\n")
    ]
    safe = "\n".join(lines).replace("\\", "\\\\")
    if safe.endswith('"'):
        safe = f'{safe[:-1]}\\"'
    safe = safe.replace('"""', '\\"\\"\\"')
    if "\n" in safe or len(safe) + 3 > width:
        safe += "\n"
    return textwrap.indent(f'"""{safe}"""', " " * indent).lstrip(" ")


def _wrapped(line: str, width: int) -> str:
    stripped = line.lstrip()
    margin = line[: len(line) - len(stripped)]
    return textwrap.fill(
        stripped,
        width,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character
