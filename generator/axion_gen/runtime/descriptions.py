"""Errors in words, for log lines and dead letters: bounded, and without what is not to be quoted.

What an error says may come from outside: from a payload, a database, a caller. Payloads that do
not validate, and the parameters of SQL statements, are not repeated: they may be anything, a
secret included.
"""

from typing import Any, Final

from pydantic import ValidationError

from .errors import leaves

MAX_CHARACTERS: Final = 1024
MOST_FAULTS: Final = 1000
"""Of more than so many pydantic's list takes seconds, in which nothing else would run."""


def describe(error: BaseException) -> str:
    """An error in one line of bounded length, without control characters."""
    text = text_of(error)[: 4 * MAX_CHARACTERS]
    line = "".join(character if character.isprintable() else " " for character in text)
    name = type(error).__qualname__
    return f"{name}: {' '.join(line.split())}"[:MAX_CHARACTERS] if line.strip() else name


def text_of(error: BaseException) -> str:
    """What an error says; nothing if it cannot even say that."""
    try:
        if isinstance(error, ValidationError):
            return f"no valid {error.title}: {faults_of(error)}"
        if isinstance(error, BaseExceptionGroup):
            return "; ".join(describe(leaf) for leaf in leaves(error))
        # SQLAlchemy adds statement and parameters to what the database has said.
        said = getattr(error, "orig", None) if hasattr(error, "statement") else None
        return str(said or error)
    except Exception:  # somebody's own `__str__`: it must not stop what is being done about it
        return ""


def faults_of(error: ValidationError) -> str:
    """What does not validate, and where; the content is not quoted."""
    count = error.error_count()
    if count > MOST_FAULTS:
        return f"{count} faults"
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'payload'}: {_said(fault)}" for fault in faults
    )


def _said(fault: Any) -> str:
    context = fault.get("ctx", {})
    if fault["type"] == "union_tag_invalid":  # which would quote the tag
        return f"{context['discriminator']} is none of {context['expected_tags']}"
    message: str = fault["msg"]
    return message
