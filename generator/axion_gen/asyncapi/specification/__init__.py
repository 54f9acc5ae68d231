"""What the specification says of a document's objects, as tables, and the check against them."""

from ..documents import Documents
from ..nodes import Node
from ..structure import Structure
from . import version2, version3
from .checking import Checker


def check_objects(documents: Documents, structure: Structure, root: Node) -> None:
    """Diagnose every field, in the document and what it refers to, that is not as specified.

    Schemas are left to their own reader.
    """
    table = version2 if (root.string("asyncapi") or "").startswith("2.") else version3
    Checker(documents, structure).check(root, table.DOCUMENT, "the document")
