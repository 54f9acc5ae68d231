"""Where the package goes, if the command line does not say: `[tool.axion-gen]`."""

import tomllib
from pathlib import Path
from typing import Final

PYPROJECT: Final = "pyproject.toml"


class SettingsError(Exception):
    """The settings cannot be had; says why and what to do."""


def configured_output(document: Path) -> Path:
    """`output` of the pyproject.toml nearest to a document.

    Raises:
        SettingsError: there is none.
    """
    pyproject = _nearest(document)
    if pyproject is None:
        raise SettingsError(
            f"where to? There is no {PYPROJECT} beside {document} or above it: use --output"
        )
    try:
        settings = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{pyproject} cannot be read: {error}; use --output") from error
    tool = settings.get("tool")
    table = tool.get("axion-gen") if isinstance(tool, dict) else None
    output = table.get("output") if isinstance(table, dict) else None
    if not isinstance(output, str) or not output:
        raise SettingsError(
            f"where to? {pyproject} has no `output` under [tool.axion-gen]:"
            ' add `output = "src/<package>/bus"`, or use --output'
        )
    return pyproject.parent / output


def _nearest(document: Path) -> Path | None:
    for folder in document.absolute().parents:
        if (folder / PYPROJECT).is_file():
            return folder / PYPROJECT
    return None
