"""`axion.lock`: what a package was generated from and by, so that anyone can check it.

It names the contract's files and the package's own, each with its SHA-256, which is all that
`python -m <package>.bus check` needs; the messages, so that the next run can say what is new; and
a seal over all of that, the settings and the generator's own source. A package whose seal is right
and whose files are as the lock says is what this generator makes, and need not be made to know it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import __version__

if TYPE_CHECKING:  # nothing is imported that takes long: most runs find that nothing has changed
    from .asyncapi.diagnostics import Source

LOCK: Final = "axion.lock"
_SOURCES: Final = frozenset({".py", ".jinja", ".typed"})

Surface = Mapping[str, Mapping[str, str]]
"""Of each topic its messages, and what the service does with them."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of a package, as it was read."""

    contract: Mapping[str, str]
    files: Mapping[str, str]
    messages: Surface
    seal: str


def lock_text(
    sources: tuple["Source", ...],
    output: Path,
    files: Mapping[str, str],
    messages: Surface,
    *,
    settings: str,
    silent: bool,
) -> str:
    """The lock of a package.

    Args:
        sources: the document, and what it refers to; paths in the lock are relative to `output`.
        output: the package's folder.
        files: the texts of the package by their paths in it.
        messages: what the next run is told of this one's.
        settings: whatever else decides what is generated.
        silent: whether nothing was found, not even a warning.
    """
    document = _relative(sources[0].path, output)
    contract = {_relative(source.path, output): digest(source.content) for source in sources}
    content = {
        "contract": dict(sorted(contract.items())),
        "files": {name: digest(text.encode()) for name, text in sorted(files.items())},
        "messages": {topic: dict(own) for topic, own in messages.items()},
    }
    seal = _seal(content, document, settings, silent=silent)
    whole = {"generator": __version__, **content, "seal": seal}
    return json.dumps(whole, indent=2, ensure_ascii=True) + "\n"


def read_lock(folder: Path) -> Lock | None:
    """The lock of a package; None where there is none, or none that can be read."""
    try:
        content = json.loads((folder / LOCK).read_bytes())
        messages = {topic: _texts(own) for topic, own in content.get("messages", {}).items()}
        return Lock(
            _texts(content["contract"]),
            _texts(content["files"]),
            messages,
            str(content.get("seal", "")),
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        # For one because it holds conflict markers.
        return None


def is_current(document: Path, output: Path, settings: str) -> bool:
    """Whether a package is known to be what would be generated, without generating it.

    Only of a document in which nothing was found: what is found is said every time.
    """
    lock, output = read_lock(output), output.resolve()
    if lock is None:
        return False
    content = {"contract": lock.contract, "files": lock.files, "messages": lock.messages}
    if lock.seal != _seal(content, _relative(document.resolve(), output), settings, silent=True):
        return False
    if set(present(output)) != {LOCK, *lock.files}:
        return False
    expected = [*lock.contract.items(), *lock.files.items()]
    return all(digest(content_of(output / name)) == hash_ for name, hash_ in expected)


def digest(content: bytes) -> str:
    """The SHA-256 of a file, whatever ends of lines a checkout gave it."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def present(folder: Path) -> list[str]:
    """The files in a folder, but for what Python caches there."""
    names: list[str] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        below = os.path.relpath(parent, folder).replace(os.sep, "/")
        names += [name if below == "." else f"{below}/{name}" for name in files]
    return sorted(names)


def content_of(path: Path) -> bytes:
    """The bytes of a file; none of what is no file."""
    return path.read_bytes() if path.is_file() else b""


def _seal(content: Mapping[str, object], document: str, settings: str, *, silent: bool) -> str:
    parts = [content, document, settings, silent, _generator()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _generator() -> str:
    """A hash of the generator: its version stays the same over many changes of its source."""
    hasher = hashlib.sha256(__version__.encode())
    folder = Path(__file__).parent
    for name in _own_sources(folder):
        hasher.update(f"{name}\0{digest((folder / name).read_bytes())}\0".encode())
    return hasher.hexdigest()


def _own_sources(folder: Path) -> Iterator[str]:
    return (name for name in present(folder) if os.path.splitext(name)[1] in _SOURCES)  # noqa: PTH122


def _relative(path: Path, output: Path) -> str:
    return Path(os.path.relpath(path, output)).as_posix()


def _texts(value: Mapping[str, object]) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()}
