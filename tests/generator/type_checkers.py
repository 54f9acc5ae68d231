"""What mypy and pyright say of a generated package and of its user's code."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

MYPY = (
    *("mypy", "--strict", "--config-file=", "--python-version=3.11"),
    # What it knows of the libraries, it need find out once.
    f"--cache-dir={ROOT / '.cache' / 'mypy-generated'}",
)
PYRIGHT = ("pyright", f"--pythonpath={sys.executable}")


def checked(folder: Path, *command: str) -> str:
    """What a checker says of what is in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout
