"""`axion.lock`: what a package was generated from and by, so that anyone can check it."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ..asyncapi.diagnostics import Source

LOCK: Final = "axion.lock"


def lock_text(
    version: str, sources: Iterable[Source], output: Path, files: Mapping[str, str]
) -> str:
    """The lock of a package.

    Args:
        version: the generator's.
        sources: the document and what it refers to; paths in the lock are relative to `output`.
        output: the package's folder.
        files: the texts of the package by their paths in it.
    """
    contract = {
        Path(os.path.relpath(source.path, output)).as_posix(): digest(source.content)
        for source in sources
    }
    content = {
        "generator": version,
        "contract": dict(sorted(contract.items())),
        "files": {name: digest(text.encode()) for name, text in sorted(files.items())},
    }
    return json.dumps(content, indent=2, ensure_ascii=True) + "\n"


def digest(content: bytes) -> str:
    """The SHA-256 of a file, whatever ends of lines a checkout gave it."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
