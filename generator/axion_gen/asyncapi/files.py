"""Files, and what is in them."""

from dataclasses import replace
from typing import Final

from .diagnostics import Location, Source, shown
from .json_reader import read_json
from .nodes import Node, ReadError
from .yaml_reader import read_yaml

MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest file that is read."""


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
    return parsed(Source(source.path, source.name, content))


def parsed(source: Source) -> Node:
    """Read a content that is YAML or JSON, as its file's name says.

    Raises:
        ReadError: it is not, or is not UTF-8.
    """
    content = source.content
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ReadError(
            "file-unreadable",
            f"the byte {content[error.start]:#04x} is not UTF-8",
            Location(source, line, column),
            "save the file as UTF-8",
        ) from error
    full = replace(source, text=text)
    if source.path.suffix.lower() == ".json":
        return read_json(full)
    return read_yaml(full)
