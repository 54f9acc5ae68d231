"""Refusals: a command that cannot be carried out has an outcome, and is no error."""

from typing import Literal

Reason = Literal["exists", "not-found", "version-conflict"]
"""Why a command is refused, as the contract names it."""


class Refused(Exception):  # noqa: N818 - an outcome, not an error
    """A change that cannot be made, however often it is tried."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail
        """The reason in a sentence, for people."""
