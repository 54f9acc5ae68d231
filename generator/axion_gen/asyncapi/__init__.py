"""AsyncAPI documents: read -> resolve -> one `Contract` -> everything wrong with it, at once."""

import re
from pathlib import Path
from typing import Final

from .checks import CHECKS
from .contract import Contract
from .diagnostics import Diagnostics, shown
from .documents import Documents
from .nodes import Node, kind
from .reading import Perspective
from .remote import Remote
from .specification import check_objects
from .structure import Structure
from .v2 import Version2
from .v3 import Version3

READ_VERSIONS: Final = "2.0 to 2.6, 3.0 and 3.1"
"""The versions of AsyncAPI that are read, for messages."""

_READ: Final = re.compile(r"(2\.[0-6]|3\.[01])(\.[0-9]+)?(-[0-9A-Za-z.-]+)?")


def read_contract(
    path: Path,
    diagnostics: Diagnostics,
    *,
    within: Path | None = None,
    remote: Remote | None = None,
    perspective: Perspective = "application",
) -> Contract | None:
    """Read a document and hold it to every rule.

    Args:
        path: the document.
        diagnostics: what is wrong is added here.
        within: the folder that no reference leaves; None: the document's own.
        remote: what may be read from the network; None: nothing. `save` keeps what was fetched.
        perspective: whose document it is. `application`: of the service that is generated, which
            receives what 3.x says it receives, and what 2.x says others may publish. `client`:
            of who talks to that service, so that sending and receiving change places.

    Returns:
        The contract; None if anything found is an error.
    """
    documents = Documents(path, diagnostics, within, remote)
    root = documents.root()
    if root is None or not _is_readable(root, diagnostics):
        return None
    check_objects(documents, Structure(diagnostics), root)
    version = Version2 if (root.string("asyncapi") or "").startswith("2.") else Version3
    contract = version(documents, diagnostics, perspective).contract(root)
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
            "an AsyncAPI document starts with `asyncapi: 3.0.0`, or another version",
        )
        return False
    text = version.text
    if text is None:
        diagnostics.add(
            "wrong-type",
            f"`asyncapi` is {kind(version.value)}, not text",
            version.location,
            "write it as text of three numbers, `asyncapi: 3.0.0`",
        )
        return False
    if not _READ.fullmatch(text):
        diagnostics.add(
            "unsupported-version",
            f"version {shown(text)} of AsyncAPI is not read; {READ_VERSIONS} are",
            version.location,
            "convert the document to 3.0.0: https://www.asyncapi.com/tools/cli",
        )
        return False
    return True


__all__ = ["Contract", "Diagnostics", "Perspective", "Remote", "read_contract"]
