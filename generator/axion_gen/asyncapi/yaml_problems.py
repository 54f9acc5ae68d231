"""What is wrong with a text that is no YAML: the parser's words for it, and what to do."""

from collections.abc import Mapping
from typing import Final

import yaml

_TAB: Final = "a tab, where YAML has spaces"
_HELP: Final[Mapping[str, str]] = {
    _TAB: "indent with spaces",
    "mapping values are not allowed in this context": "quote a text that has `: ` in it; begin"
    " keys of one mapping in one column",
    "found character that cannot start any token": "quote a text that begins with this character",
    "did not find expected key": "begin keys of one mapping in one column; behind a text in"
    " quotation marks there is nothing else on its line",
    "did not find expected '-' indicator": "begin items of one list in one column",
    "did not find expected ',' or ']'": "close the list that begins with `[`",
    "did not find expected ',' or '}'": "close the mapping that begins with `{`",
    "could not find expected ':'": "write a key as `key: value`, and continue a long text further"
    " to the right",
    "did not find expected node content": "write a value here; close what begins with `[` or `{`",
    "found unexpected end of stream": "close the text in quotation marks that begins here",
}


_BEGIN: Final = ("found unexpected end of stream", "could not find expected ':'")
"""What is wrong where the parser began to read something, not where it saw it."""


def place_of(error: yaml.MarkedYAMLError) -> yaml.Mark | None:
    """Where it is wrong."""
    if error.problem in _BEGIN:
        return error.context_mark or error.problem_mark
    return error.problem_mark or error.context_mark


def problem_of(error: yaml.MarkedYAMLError, text: str) -> tuple[str, str]:
    """What is wrong, and what to do.

    Args:
        error: what the parser says.
        text: the line, from where it is wrong on.
    """
    said = " ".join(str(error.problem or error.context or "no YAML").split())
    if text.startswith("\t"):
        said = _TAB
    return said, _HELP.get(said, "correct the YAML here")
