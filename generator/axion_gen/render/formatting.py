"""ruff over what was rendered, the same on every machine."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ruff import find_ruff_bin  # type: ignore[import-untyped]  # it has no type hints

from ..lock import HEADER
from .text import LINE_LENGTH

_OPTIONS: Final = (
    "--isolated",
    "--quiet",
    "--no-cache",
    "--config=target-version='py311'",
    f"--config=line-length={LINE_LENGTH}",
)


def formatted(sources: Mapping[str, str]) -> dict[str, str]:
    """The sources with imports sorted, unused ones gone, and laid out by ruff."""
    with tempfile.TemporaryDirectory(prefix="axion-gen-") as folder:
        for name, source in sources.items():
            (Path(folder) / name).write_text(HEADER + source, encoding="utf-8", newline="\n")
        # Names of the document never reach this command line, only our own file names.
        _ruff("check", "--fix", "--exit-zero", "--select=F401,I,PIE790,UP", "--", folder)
        _ruff("format", "--", folder)
        return {name: (Path(folder) / name).read_text(encoding="utf-8") for name in sources}


def _ruff(command: str, *arguments: str) -> None:
    subprocess.run(  # noqa: S603 - ruff by its full path, on a folder of ours
        [find_ruff_bin(), command, *_OPTIONS, *arguments], check=True, capture_output=True
    )
