"""Documents on the network: fetched once, kept beside the document, and never trusted twice.

A copy of each stands in the folder `axion-remote`, with a lock that says which address it came
from and what its SHA-256 is. A run reads the copies; the network is asked only for what has no
copy yet, or for everything when told to. So a package is generated from what was reviewed.
"""

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from .diagnostics import shown

FOLDER: Final = "axion-remote"
LOCK: Final = "axion-remote.lock"
MAX_DOCUMENTS: Final = 200
"""The most documents that one run asks the network for."""
MAX_WAIT_S: Final = 60
"""How long a run waits for all of them, to the one during which this passes."""

Fetch = Literal["missing", "all", "nothing"]
"""Which documents are asked for: those without a copy, all of them anew, or none."""

_NAME: Final = re.compile(r"[^a-zA-Z0-9._-]+")


class RemoteError(Exception):
    """A document on the network that is not to be had; says why, and what to do."""

    def __init__(self, message: str, help: str) -> None:  # noqa: A002 - as diagnostics name it
        super().__init__(message)
        self.message, self.help = message, help


@dataclass(slots=True)
class Remote:
    """What a document may read from the network, and the copies of what it has read."""

    document: Path
    """The document; its copies are kept beside it."""
    allowed: tuple[str, ...] = ()
    """The beginnings of addresses that may be read, `https://host/folder/`; none: no network."""
    fetch: Fetch = "missing"
    _used: dict[str, bytes] = field(default_factory=dict)
    _new: bool = False
    _asked: int = 0
    _waited_s: float = 0

    @property
    def folder(self) -> Path:
        """Where the copies are."""
        return self.document.parent / FOLDER

    @property
    def changed(self) -> bool:
        """Whether something was fetched that `save` has to keep."""
        return self._new

    def path(self, url: str) -> Path:
        """Where the copy of a document is: named by its address, as no document can choose."""
        last = _NAME.sub("-", url.partition("?")[0].rpartition("/")[2])[-60:]
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{last or 'document'}"

    def read(self, url: str) -> bytes:
        """The content at an address: the copy, if there is one and it is not to be renewed.

        Raises:
            RemoteError: it is not allowed, cannot be fetched, or the copy has been changed.
        """
        self.check(url)
        if url not in self._used:
            copy = self._copy(url)
            self._used[url] = self._fetched(url) if copy is None else copy
        return self._used[url]

    def check(self, url: str) -> None:
        """See that an address may be read.

        Raises:
            RemoteError: it may not.
        """
        if not url.lower().startswith("https://"):
            raise RemoteError(
                "it is not on HTTPS", "refer to it by `https://`, or to a copy in a file"
            )
        if not any(_begins(url, prefix) for prefix in self.allowed):
            raise RemoteError(
                "nothing allows to read it",
                "copy it into the document's folder and refer to the copy, or allow its address"
                " (`remote` under [tool.axion-gen])",
            )

    def save(self) -> None:
        """Keep what was fetched, with a lock; copies that nothing refers to any more go.

        Raises:
            OSError: it cannot be written.
        """
        if not self._new or self.folder.is_symlink():
            return
        self.folder.mkdir(exist_ok=True)
        old = {self.folder / str(entry.get("file")) for entry in self._lock().values()}
        entries = {}
        for url, content in sorted(self._used.items()):
            path = self.path(url)
            path.write_bytes(content)
            entries[url] = {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}
        for path in old - {self.path(url) for url in self._used}:
            if path.parent == self.folder and path.name != LOCK:
                path.unlink(missing_ok=True)
        lock = json.dumps({"documents": entries}, indent=2, ensure_ascii=True) + "\n"
        (self.folder / LOCK).write_text(lock, encoding="utf-8", newline="\n")
        self._new = False

    def _copy(self, url: str) -> bytes | None:
        entry = self._lock().get(url)
        if entry is None or self.fetch == "all":
            return None
        path = self.path(url)
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        # A checkout may have its own ends of lines.
        if entry.get("sha256") not in {
            hashlib.sha256(text).hexdigest() for text in (content, content.replace(b"\r\n", b"\n"))
        }:
            raise RemoteError(
                f"its copy {FOLDER}/{path.name} is not what {LOCK} says",
                "put the copy back, or fetch it anew with --refresh",
            )
        return content

    def _fetched(self, url: str) -> bytes:
        if self.fetch == "nothing":
            raise RemoteError(f"there is no copy of it in {FOLDER}", "run axion-gen to fetch it")
        if self._asked == MAX_DOCUMENTS or self._waited_s > MAX_WAIT_S:
            raise RemoteError(
                f"it is one of more than {MAX_DOCUMENTS}, or all of them take more than"
                f" {MAX_WAIT_S} s",
                "copy what is needed into the document's folder",
            )
        # Imported here: few runs need it, and it takes longer to load than they do.
        from .fetching import FetchError, fetch

        def check(moved: str) -> None:
            try:
                self.check(moved)
            except RemoteError as error:
                message = f"it has moved to {shown(moved)}, and {error.message}"
                raise FetchError(message) from error

        self._asked += 1
        begun = time.monotonic()
        try:
            content = fetch(url, check)
        except FetchError as error:
            raise RemoteError(str(error), "see that it can be read, or use a copy") from error
        finally:
            self._waited_s += time.monotonic() - begun
        self._new = True
        return content

    def _lock(self) -> dict[str, dict[str, object]]:
        try:
            documents = json.loads((self.folder / LOCK).read_bytes())["documents"]
            return {str(url): dict(entry) for url, entry in documents.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise RemoteError(
                f"{FOLDER}/{LOCK} cannot be read", "put it back, or remove the folder"
            ) from error


def _begins(url: str, prefix: str) -> bool:
    """Whether an address is at or below another; `..` and a login are below nothing."""
    try:
        at, below = urlsplit(url), urlsplit(prefix)
        same = (at.hostname, at.port or 443) == (below.hostname, below.port or 443)
    except ValueError:
        return False
    path = unquote(at.path)
    plain = "@" not in at.netloc and "\\" not in path and ".." not in path.split("/")
    folder = below.path if below.path.endswith("/") else f"{below.path}/"
    within = at.path == below.path or at.path.startswith(folder)
    return same and plain and within and below.scheme == "https" and bool(below.hostname)
