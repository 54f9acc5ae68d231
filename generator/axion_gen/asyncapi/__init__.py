"""AsyncAPI documents: read -> resolve -> one `Contract` -> everything wrong with it, at once."""

from pathlib import Path

from .checks import CHECKS
from .contract import Contract
from .diagnostics import Diagnostics, shown
from .documents import Documents
from .nodes import Node, kind
from .remote import Remote
from .specification import check_objects
from .structure import Structure
from .v3 import Reader

READ_VERSIONS = "3.0"
"""The versions of AsyncAPI that are read, for messages."""


def read_contract(
    path: Path,
    diagnostics: Diagnostics,
    *,
    within: Path | None = None,
    remote: Remote | None = None,
) -> Contract | None:
    """Read a document and hold it to every rule.

    Args:
        path: the document.
        diagnostics: what is wrong is added here.
        within: the folder that no reference leaves; None: the document's own.
        remote: what may be read from the network; None: nothing. `save` keeps what was fetched.

    Returns:
        The contract; None if anything found is an error.
    """
    documents = Documents(path, diagnostics, within, remote)
    root = documents.root()
    if root is None or not _is_readable(root, diagnostics):
        return None
    check_objects(documents, Structure(diagnostics), root)
    contract = Reader(documents, diagnostics).contract(root)
    for check in CHECKS:
        check(contract, diagnostics)
    return None if diagnostics.has_errors else contract


def _is_readable(root: Node, diagnostics: Diagnostics) -> bool:
    """Whether it is an AsyncAPI document of a version that is read."""
    version = root.get("asyncapi")
    if version is None:
        other = next((name for name in ("openapi", "swagger") if name in root.mapping), None)
        what = f"an OpenAPI document (`{other}:`)" if other else kind(root.value)
        problem = what if other or not root.mapping else "a mapping without `asyncapi:`"
        diagnostics.add(
            "not-asyncapi",
            f"this is {problem}, not an AsyncAPI document",
            root.location,
            f"an AsyncAPI document starts with `asyncapi: {READ_VERSIONS}.0`",
        )
        return False
    text = version.text
    if text is None:
        diagnostics.add(
            "wrong-type",
            f"`asyncapi` is {kind(version.value)}, not text",
            version.location,
            f"write `asyncapi: {READ_VERSIONS}.0`",
        )
        return False
    if text.split(".")[:2] != READ_VERSIONS.split("."):
        diagnostics.add(
            "unsupported-version",
            f"version {shown(text)} of AsyncAPI is not read yet; {READ_VERSIONS} is",
            version.location,
            f"convert the document to {READ_VERSIONS}: https://www.asyncapi.com/tools/cli",
        )
        return False
    return True


__all__ = ["Contract", "Diagnostics", "Remote", "read_contract"]
