"""What to generate, and where: options of the command, else `[tool.axion-gen]`."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeGuard

PYPROJECT: Final = "pyproject.toml"
_TABLE: Final = "[tool.axion-gen]"

Perspective = Literal["application", "client"]
PERSPECTIVES: Final = ("application", "client")
_TEXTS: Final = ("document", "output", "perspective", "root", "handlers")
_KEYS: Final = (*_TEXTS, "remote")


class SettingsError(Exception):
    """The settings cannot be had; says why and what to do, one problem a line."""

    def __init__(self, message: str, *files: Path) -> None:
        super().__init__(message)
        self.files = files
        """The files that say it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; None where it does not."""

    document: Path | None = None
    output: Path | None = None
    perspective: Perspective | None = None
    root: Path | None = None
    handlers: Path | None = None
    remote: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What to generate, and where."""

    document: Path
    output: Path
    """The package's folder."""
    perspective: Perspective = "application"
    """Whose document it is."""
    root: Path | None = None
    """The folder that no reference leaves; None: the document's own."""
    remote: tuple[str, ...] = ()
    """The beginnings of the addresses that may be read from the network."""
    handlers: Path | None = None
    """The user's file with the class of handlers; None: `handlers.py` beside the package."""
    pyproject: Path | None = None
    """Where the settings are from."""
    passed_over: str | None = None
    """Why a pyproject.toml was not read, though there is one."""

    @property
    def identity(self) -> str:
        """All of it that decides what is generated; the same on every machine."""
        root = self.root and Path(os.path.relpath(self.root, self.document.parent)).as_posix()
        return json.dumps([self.perspective, root, sorted(self.remote)])

    @property
    def handlers_file(self) -> Path:
        """The user's file with the class of handlers."""
        return self.handlers or Path(os.path.normpath(self.output)).parent / "handlers.py"


def settings_of(options: Options) -> Settings:
    """The settings: options first, then the pyproject.toml nearest to the document.

    Without a document it is the one nearest to the working directory, which names it.

    Raises:
        SettingsError: something is missing, unknown or of the wrong type.
    """
    pyproject = _nearest(options.document or Path("here"))
    table: Mapping[str, Any] = {}
    passed_over = None
    if pyproject is not None:
        try:
            table = _table(pyproject)
        except _UnreadableError as error:
            # Copier leaves conflict markers in it and then generates, with both of these.
            if options.document is None or options.output is None:
                raise SettingsError(
                    f"{_shown(pyproject)} cannot be read: {error}; put it right, or use --output",
                    pyproject,
                ) from error
            passed_over = f"{_shown(pyproject)} cannot be read, only options count: {error}"
    folder = Path() if pyproject is None else _relative(pyproject.parent)
    return Settings(
        document=options.document or _document(table, folder, pyproject),
        output=options.output or _output(table, folder, pyproject, options.document),
        perspective=options.perspective or table.get("perspective", "application"),
        root=options.root or _path(table, "root", folder),
        remote=options.remote or tuple(table.get("remote", ())),
        handlers=options.handlers or _path(table, "handlers", folder),
        pyproject=pyproject,
        passed_over=passed_over,
    )


class _UnreadableError(Exception):
    """A file is not TOML, or cannot be read."""


def _nearest(document: Path) -> Path | None:
    # Not `resolve`: a document that is a link belongs to the project where the link is.
    for folder in Path(os.path.abspath(document)).parents:  # noqa: PTH100
        if (folder / PYPROJECT).is_file():
            return folder / PYPROJECT
    return None


def _table(pyproject: Path) -> Mapping[str, Any]:
    """`[tool.axion-gen]`, known to be right; empty where there is none."""
    import tomllib

    try:
        content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _UnreadableError(str(error)) from error
    tool = content.get("tool", {})
    table = tool.get("axion-gen", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{_shown(pyproject)}: `tool.axion-gen` is no table", pyproject)
    problems = [f"{_shown(pyproject)}: {text}" for text in _problems(table)]
    if problems:
        raise SettingsError("\n".join(problems), pyproject)
    return table


def _problems(table: Mapping[str, object]) -> Iterator[str]:
    for key, value in table.items():
        if key not in _KEYS:
            from difflib import get_close_matches

            near = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there is {', '.join(_KEYS)}"
            yield f"{_TABLE} has no setting `{_plain(key)}`: {hint}"
        elif key == "perspective" and value not in PERSPECTIVES:
            yield f'`{key}` under {_TABLE} is "application" or "client", nothing else'
        elif key in _TEXTS and not (isinstance(value, str) and value):
            yield f"`{key}` under {_TABLE} is not a text that says something"
        elif key == "remote" and not _is_list_of_addresses(value):
            yield f'`{key}` under {_TABLE} is not a list of texts as "https://host/folder/"'


def _is_list_of_addresses(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(
        isinstance(text, str) and text.startswith("https://") for text in value
    )


def _document(table: Mapping[str, Any], folder: Path, pyproject: Path | None) -> Path:
    document = _path(table, "document", folder)
    if document is None:
        where = _shown(pyproject) if pyproject else f"a {PYPROJECT}"
        raise SettingsError(
            "which document? Name it: `axion-gen asyncapi.yaml`, or add"
            f' `document = "asyncapi.yaml"` under {_TABLE} of {where}',
            *([pyproject] if pyproject else []),
        )
    return document


def _output(
    table: Mapping[str, Any], folder: Path, pyproject: Path | None, document: Path | None
) -> Path:
    output = _path(table, "output", folder)
    if output is not None:
        return output
    if pyproject is None:
        beside = _plain(str(document)) if document else "the working directory"
        raise SettingsError(
            f"where to? There is no {PYPROJECT} beside {beside} or above it: use --output"
        )
    raise SettingsError(
        f"where to? {_shown(pyproject)} has no `output` under {_TABLE}:"
        ' add `output = "src/<package>/bus"`, or use --output',
        pyproject,
    )


def _path(table: Mapping[str, Any], key: str, folder: Path) -> Path | None:
    return folder / table[key] if key in table else None


def _relative(path: Path) -> Path:
    """A path as people write it: from here, where that is not longer."""
    try:
        return Path(min(os.path.relpath(path), str(path), key=len))
    except (ValueError, OSError):  # on another drive; a working directory that is gone
        return path


def _shown(path: Path) -> str:
    return _plain(str(_relative(path)))


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
