"""Files and references: every value is read in the file it stands in."""

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from .diagnostics import Diagnostics, Location, Source, shown
from .json_reader import read_json
from .nodes import Node, ReadError
from .yaml_reader import read_yaml

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest file that is read."""


@dataclass(slots=True)
class Documents:
    """The document and the files it refers to, each read once."""

    path: Path
    """The document, as the user named it."""
    diagnostics: Diagnostics
    _read: dict[Path, Node | None] = field(default_factory=dict)
    _resolved: dict[Node, Node | None] = field(default_factory=dict)

    def root(self) -> Node | None:
        """The document itself; None if it cannot be read, which is then diagnosed."""
        source = Source(_absolute(self.path), str(self.path))
        return self._load(source, Location(source), "check the path")

    @property
    def sources(self) -> tuple[Source, ...]:
        """All files that were read; the document first."""
        return tuple(root.location.source for root in self._read.values() if root is not None)

    def resolve(self, node: Node | None) -> Node | None:
        """What a node stands for: itself, or what its `$ref`, and that one's, leads to.

        None if it leads nowhere, which is then diagnosed where the `$ref` stands.
        """
        if node is None or node.reference is None:
            return node
        if node not in self._resolved:
            self._resolved[node] = self._follow(node)
        return self._resolved[node]

    def target(self, node: Node) -> Node | None:
        """What the `$ref` of a node names, which may be a reference again."""
        reference = node.reference
        if reference is None:
            return node
        place = reference.location
        if reference.text is None:
            self.diagnostics.add(
                "reference-malformed",
                "`$ref` is not text",
                place,
                "write it as `$ref: '#/components/…'` or `$ref: './file.yaml#/…'`",
            )
            return None
        file, _, fragment = reference.text.partition("#")
        root = self._file(file, reference.text, place)
        return self._walk(root, fragment, reference) if root is not None else None

    def _follow(self, node: Node) -> Node | None:
        seen = [node]
        current: Node | None = node
        while current is not None and current.reference is not None:
            current = self.target(current)
            if current in seen:
                self.diagnostics.add(
                    "reference-cycle",
                    f"the reference {shown(node.string('$ref') or '')} leads back to itself",
                    (node.reference or node).location,
                    "let one of the references in the circle name a value",
                )
                return None
            if current is not None:
                seen.append(current)
        return current

    def _file(self, file: str, reference: str, place: Location) -> Node | None:
        """The root of the file that a reference in `place`'s file names."""
        if not file:
            return self._read.get(place.source.path)
        add = self.diagnostics.add
        if urlsplit(file).scheme or file.startswith("//"):
            add(
                "reference-remote",
                f"{shown(reference)} is not in a file beside the document",
                place,
                "copy it into the document's folder and refer to the copy",
            )
            return None
        folder = _absolute(self.path).parent
        path = _absolute(place.source.path.parent / unquote(file))
        if not path.is_relative_to(folder):
            add(
                "reference-outside",
                f"{shown(reference)} leaves the folder of {shown(self.path.name)}",
                place,
                "move the file into the document's folder, or a folder in it",
            )
            return None
        if path in self._read:
            return self._read[path]
        name = os.path.relpath(self.path.parent / path.relative_to(folder))
        return self._load(
            Source(path, Path(name).as_posix()), place, f"correct the `$ref` {shown(reference)}"
        )

    def _load(self, source: Source, place: Location, missing_help: str) -> Node | None:
        self._read[source.path] = None
        try:
            root = read(source, place, missing_help)
        except ReadError as error:
            self.diagnostics.add(error.rule, error.message, error.location, error.help)
            return None
        self._read[source.path] = root
        return root

    def _walk(self, root: Node, fragment: str, reference: Node) -> Node | None:
        """Follow a JSON pointer (RFC 6901), through references that lie on its way."""
        current: Node | None = root
        pointer = unquote(fragment)
        if pointer and not pointer.startswith("/"):
            self.diagnostics.add(
                "reference-malformed",
                f"`#{shown(pointer)[1:-1]}` is no JSON pointer",
                reference.location,
                "write the path from the file's root, as `#/components/…`",
            )
            return None
        for token in pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            holder = self._through(current, reference)
            if holder is None:
                return None
            current = holder.get(key)
            if holder.items and key.isascii() and key.isdigit() and len(key) < 9:
                current = holder.items[int(key)] if int(key) < len(holder.items) else None
            if current is None:
                self.diagnostics.add(
                    "reference-dangling",
                    f"{shown(reference.text or '')} leads nowhere: there is no {shown(key)}",
                    reference.location,
                    _nearest(key, holder),
                )
                return None
        return current

    def _through(self, node: Node | None, reference: Node) -> Node | None:
        """Resolve a reference on the way of a pointer, which may lie on its own way."""
        if node is None or node.reference is None:
            return node
        if node in self._resolved:
            return self._resolved[node]
        self._resolved[node] = None  # until it is known: a pointer through itself ends here
        self._resolved[node] = resolved = self._follow(node)
        if resolved is None:
            self.diagnostics.add(
                "reference-dangling",
                f"{shown(reference.text or '')} leads through a reference that leads nowhere",
                reference.location,
                f"correct the `$ref` on line {node.key_location('$ref').line}",
            )
        return resolved


def read(source: Source, place: Location, missing_help: str) -> Node:
    """Read a YAML or JSON file.

    Args:
        source: the file; its content is read here.
        place: where it is named.
        missing_help: what to do if it is not there.

    Raises:
        ReadError: it is not there, or is no such file.
    """
    name = shown(source.name)
    try:
        if not source.path.is_file():
            problem = "is no file" if source.path.exists() else "does not exist"
            raise ReadError("file-missing", f"the file {name} {problem}", place, missing_help)
        with source.path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ReadError(
            "file-unreadable", f"{name} cannot be read: {reason}", place, "make it readable"
        ) from error
    if len(content) > MAX_BYTES:
        raise ReadError(
            "file-unreadable",
            f"{name} is larger than {MAX_BYTES // 1024**2} MiB",
            place,
            "split it, or check that it is the right file",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ReadError(
            "file-unreadable",
            f"the byte {content[error.start]:#04x} is not UTF-8",
            Location(Source(source.path, source.name), line, column),
            "save the file as UTF-8",
        ) from error
    full = Source(source.path, source.name, content, text)
    if source.path.suffix.lower() == ".json":
        return read_json(full)
    return read_yaml(full)


def _absolute(path: Path) -> Path:
    # `resolve` follows symbolic links: a link must not lead out of the folder either.
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        # A null byte, a circle of links: reading it says what is wrong.
        return path.absolute()


def _nearest(key: str, holder: Node) -> str:
    near = get_close_matches(key, holder.mapping, n=1)
    if near:
        return f"did you mean {shown(near[0])}?"
    known = ", ".join(shown(name, 30) for name in list(holder.mapping)[:8])
    return f"there is {known}" if known else "there is nothing to refer to"
