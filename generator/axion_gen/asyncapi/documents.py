"""References: every value is read in the file it stands in, be that from the network."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from .diagnostics import Diagnostics, Location, Source, nearest, shown
from .files import parsed, read
from .identifiers import Identifiers, identifiers_in
from .nodes import Node, ReadError
from .remote import Remote, RemoteError

MAX_THROUGH: Final = 50
"""How many references may lie on the way of a pointer that lies on the way of a pointer..."""


@dataclass(slots=True)
class Documents:
    """The document and the files it refers to, each read once."""

    path: Path
    """The document, as the user named it."""
    diagnostics: Diagnostics
    within: Path | None = None
    """The folder that no reference leaves; None: the document's own."""
    remote: Remote | None = None
    """What may be read from the network; None: nothing."""
    unfolded: int = 0
    """How many values were written out in the place of references to them (`plain`)."""
    _read: dict[Path, Node | None] = field(default_factory=dict)
    _resolved: dict[Node, Node | None] = field(default_factory=dict)
    _through_depth: int = 0
    _identifiers: dict[Path, Identifiers] = field(default_factory=dict)

    def root(self) -> Node | None:
        """The document itself; None if it cannot be read, which is then diagnosed."""
        source = Source(_absolute(self.path), str(self.path))
        return self._load(source, Location(source), "check the path")

    @property
    def sources(self) -> tuple[Source, ...]:
        """All files that were read; the document first."""
        return tuple(root.location.source for root in self._read.values() if root is not None)

    def at(self, source: Source, *keys: str) -> Mapping[str, Node]:
        """The entries at a place in a file that was read; nothing where there are none."""
        node = self._read.get(source.path)
        for key in keys:
            node = node.get(key) if node is not None else None
        return node.mapping if node is not None else {}

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
        named = self._names(place.source.path).by_id(node, file) if file else []
        root = self._only(named, reference) if named else self._file(file, reference.text, place)
        return self._walk(root, fragment, reference) if root is not None else None

    def _names(self, path: Path) -> Identifiers:
        """What the schemas of a file that was read are called."""
        if path not in self._identifiers:
            root = self._read.get(path)
            self._identifiers[path] = identifiers_in(root) if root else Identifiers()
        return self._identifiers[path]

    def _only(self, named: list[Node], reference: Node) -> Node | None:
        if len(named) > 1:
            self.diagnostics.add(
                "reference-malformed",
                f"{shown(reference.text or '')} names a schema on line {named[0].location.line},"
                f" and one on line {named[1].location.line}",
                reference.location,
                "give each its own `$id` or `$anchor`, or write the path from the file's root",
            )
            return None
        return named[0]

    def _follow(self, node: Node) -> Node | None:
        chain = {node: None}
        current: Node | None = node
        while current is not None and current.reference is not None:
            if current in self._resolved and current is not node:
                current = self._resolved[current]
                break
            current = self.target(current)
            if current is not None and current in chain:
                self.diagnostics.add(
                    "reference-cycle",
                    f"the reference {shown(current.string('$ref') or '')} leads back to itself",
                    (current.reference or current).location,
                    "let one of the references in the circle name a value",
                )
                current = None
            elif current is not None and current.reference is not None:
                chain[current] = None
        # All of them lead there: a chain is followed once, however many refer into it.
        self._resolved.update(dict.fromkeys(chain, current))
        return current

    def _file(self, file: str, reference: str, place: Location) -> Node | None:
        """The root of the file that a reference in `place`'s file names."""
        if not file:
            return self._read.get(place.source.path)
        url = _joined(place.source.url, file)
        if url is not None:
            return self._from_network(url, reference, place)
        folder = _absolute(self.path).parent
        within = _absolute(self.within) if self.within is not None else folder
        path = _absolute(place.source.path.parent / unquote(file))
        if not path.is_relative_to(within) and not path.is_relative_to(folder):
            self.diagnostics.add(
                "reference-outside",
                f"{shown(reference)} leaves the folder {shown(within.name)}",
                place,
                "move the file into that folder, or allow a folder above it (`root` under"
                " [tool.axion-gen])",
            )
            return None
        if path in self._read:
            return self._read[path]
        name = os.path.relpath(self.path.parent / os.path.relpath(path, folder))
        return self._load(
            Source(path, Path(name).as_posix()), place, f"correct the `$ref` {shown(reference)}"
        )

    def _from_network(self, url: str, reference: str, place: Location) -> Node | None:
        remote = self.remote or Remote(self.path)
        path = _absolute(remote.path(url))
        if path in self._read:
            return self._read[path]
        try:
            content = remote.read(url)
        except RemoteError as error:
            self.diagnostics.add(
                "reference-remote",
                f"{shown(reference)} is on the network, and {error.message}",
                place,
                error.help,
            )
            return None
        source = Source(path, shown(url, 200)[1:-1], content, url=url)
        return self._load(source, place, "")

    def _load(self, source: Source, place: Location, missing_help: str) -> Node | None:
        self._read[source.path] = None
        self.diagnostics.files.add(source.path)
        try:
            root = parsed(source) if source.url else read(source, place, missing_help)
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
            named = self._names(root.location.source.path).anchors.get(pointer)
            if named:
                return self._only(named, reference)
            self.diagnostics.add(
                "reference-malformed",
                f"`#{shown(pointer)[1:-1]}` is no JSON pointer, and no schema's `$anchor`",
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
                    _known(key, holder),
                )
                return None
        return current

    def _through(self, node: Node | None, reference: Node) -> Node | None:
        """Resolve a reference on the way of a pointer, which may lie on its own way."""
        if node is None or node.reference is None:
            return node
        if node in self._resolved:
            return self._resolved[node]
        if self._through_depth == MAX_THROUGH:
            self.diagnostics.add(
                "too-complex",
                f"{shown(reference.text or '')} leads through references that lead through"
                f" references, {MAX_THROUGH} and more",
                reference.location,
                "refer to the value itself",
            )
            return None
        self._resolved[node] = None  # until it is known: a pointer through itself ends here
        self._through_depth += 1
        self._resolved[node] = resolved = self._follow(node)
        self._through_depth -= 1
        if resolved is None:
            self.diagnostics.add(
                "reference-dangling",
                f"{shown(reference.text or '')} leads through a reference that leads nowhere",
                reference.location,
                f"correct the `$ref` on line {node.key_location('$ref').line}",
            )
        return resolved


def _joined(base: str | None, file: str) -> str | None:
    """The address that a reference names; None: a file on this machine."""
    try:
        if base is not None:
            return urljoin(base, file)
        return file if urlsplit(file).scheme or file.startswith("//") else None
    except ValueError:
        return file


def _absolute(path: Path) -> Path:
    # `resolve` follows symbolic links: a link must not lead out of the folder either.
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        # A null byte, a circle of links: reading it says what is wrong.
        return path.absolute()


def _known(key: str, holder: Node) -> str:
    near = nearest(key, holder.mapping)
    if near:
        return f"did you mean {shown(near)}?"
    known = ", ".join(shown(name, 30) for name in islice(holder.mapping, 8))
    return f"there is {known}" if known else "there is nothing to refer to"
