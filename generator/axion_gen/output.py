"""A package's folder: ours to replace or not, and replaced as a whole or not at all.

The new package is written beside the old one, into a folder `.<name>.axion-...`, brought to the
disk, and then changes places with it in one step of the file system. So whoever reads the folder
finds the old package or the new one, also after the machine has died. Where the system has no such
step (Windows, some network file systems) two renames take its place; what a death between them
leaves is put back by the next run.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .lock import HEADER, LOCK, content_of, present, read_lock, walked

_WRITERS: Final = 8


class OutputError(Exception):
    """The folder cannot be written, or is not ours to write; says why and what to do."""


@contextmanager
def reserved(folder: Path, *, shared: bool, waiting: Callable[[], None]) -> Iterator[None]:
    """Keep other runs out of a folder for a while, or only those that write.

    The lock lies on the folder above, so that no file is left behind, and ends with the process.
    Where the system has none, each run still has a folder of its own to write into.

    Args:
        folder: the package's.
        shared: whether this one only reads.
        waiting: called before waiting for another run.
    """
    place = _above(folder)
    try:
        import fcntl

        descriptor = os.open(place, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, kind)
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(descriptor)


def recover(folder: Path) -> None:
    """Clean up what a run that was killed has left beside a folder.

    Call it while the folder is reserved.

    Raises:
        OutputError: it cannot be cleaned up.
    """
    folder = folder.resolve()
    try:
        for place in sorted(folder.parent.glob(f"{_prefix(folder)}*")):
            if (place / "old").is_dir() and not folder.exists():
                (place / "old").rename(folder)
            shutil.rmtree(place)
    except OSError as error:
        raise OutputError(_cannot(folder, error)) from error


def refuse_foreign(folder: Path, files: Collection[str] = ()) -> None:
    """See that a folder is ours to replace.

    Args:
        folder: the package's.
        files: what will be in it; they are ours, too, where the lock cannot be read.

    Raises:
        OutputError: it is no folder, or holds what axion-gen did not write.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is no folder: give the package another name")
    if next(walked(folder), None) is None:
        return
    if not (folder / LOCK).is_file():
        raise OutputError(
            f"{folder} is not empty and has no {LOCK}: axion-gen replaces only what it made."
            " Choose another folder, or empty this one"
        )
    there, lock = present(folder), read_lock(folder)
    if lock is not None:
        foreign = [name for name in there if name not in lock.files and name != LOCK]
    else:
        # For one because it holds conflict markers: the package is made anew.
        foreign = [name for name in there if name not in files and not _is_generated(folder, name)]
    if foreign:
        raise OutputError(
            f"{folder} holds what axion-gen did not make: {some(foreign)}."
            " The folder is replaced as a whole, so move that elsewhere"
        )


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Replace a folder by one that holds just these files.

    Raises:
        OutputError: that failed, and what was there still is.
    """
    refuse_foreign(folder, files)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=folder.parent))
        try:
            new = place / "new"
            _fill(new, files)
            _replace(folder, new, place / "old")
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise OutputError(_cannot(folder, error)) from error


def some(names: list[str]) -> str:
    """A few of them, and how many more there are."""
    few, more = ", ".join(names[:5]), len(names) - 5
    return f"{few} and {more} more" if more > 0 else few


def _is_generated(folder: Path, name: str) -> bool:
    """Whether a file can be nothing but what axion-gen wrote, whatever it holds now."""
    return (
        name == LOCK
        or name.startswith("runtime/")
        or content_of(folder / name).startswith(HEADER.rstrip().encode())
    )


def _fill(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a new folder, and wait until the disk has them."""
    from concurrent.futures import ThreadPoolExecutor

    paths = {folder / name: text for name, text in files.items()}
    folders = {folder, *(parent for path in paths for parent in path.parents)}
    folders = {path for path in folders if path.is_relative_to(folder)}
    for path in sorted(folders):
        path.mkdir()
    with ThreadPoolExecutor(_WRITERS) as writers:
        # Disks are slow one by one and quick together.
        list(writers.map(_write, paths.items()))
    for path in folders:
        _synchronize(path)


def _write(item: tuple[Path, str]) -> None:
    path, text = item
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _replace(folder: Path, new: Path, old: Path) -> None:
    """Put the new folder into its place; the old one then lies where the new one was, or `old`."""
    _synchronize(new.parent)
    if not folder.exists():
        new.rename(folder)
    else:
        shutil.copymode(folder, new)
        if not _exchange(folder, new):
            _swap(folder, new, old)
    _synchronize(folder.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; false where the system cannot do it."""
    import ctypes

    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
            code = library.renameat2(here, os.fsencode(one), here, os.fsencode(other), swap)
        elif sys.platform == "darwin":
            code = library.renamex_np(os.fsencode(one), os.fsencode(other), 2)  # RENAME_SWAP
        else:
            return False
    except (OSError, TypeError, AttributeError):  # no such library, or no such function in it
        return False
    return bool(code == 0)


def _swap(folder: Path, new: Path, old: Path) -> None:
    folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:  # Ctrl-C, too: the old package goes with the temporary folder
        if not folder.exists():
            old.rename(folder)
        raise


def _synchronize(folder: Path) -> None:
    """Wait until the disk has a folder's list of names, where systems do that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # file systems that do not do it for folders
    finally:
        os.close(descriptor)


def _prefix(folder: Path) -> str:
    return f".{folder.name}.axion-"


def _above(folder: Path) -> Path:
    """The folder above, or the nearest one that there is."""
    folder = folder.resolve()
    return next((parent for parent in folder.parents if parent.is_dir()), folder)


def _cannot(folder: Path, error: OSError) -> str:
    return f"{folder} cannot be written: {error.strerror or error}"
