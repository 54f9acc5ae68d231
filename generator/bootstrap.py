"""Runs axion-gen from this clone: what Copier calls after a copy and after an update.

Copier's own Python rarely has the generator's dependencies (under uvx it never has), so an
environment is found for it, the first of these that there is:

1. the Python that runs this script, if it has the dependencies;
2. uvx, which makes an environment for this clone;
3. a private virtual environment in the user's cache folder, made with pip the first time and
   used again for as long as the dependencies stay the same.

Only the standard library is needed here. The arguments are axion-gen's; running it again is safe.
"""

# ruff: noqa: S603 - the commands are this script's own, and no shell reads them

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent

AFTERWARDS = """
axion-gen did not finish: the generated package is missing, or still the old one.
After `copier copy` into a new folder: put right what it says above, and copy again.
After `copier update` all the rest is done: put it right, then run `make generate` in the
service; or there, with a clone of the template at hand,
    python <clone>/{script} {arguments}
"""


class NoEnvironmentError(Exception):
    """Nothing here can run axion-gen; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Run axion-gen, and say what to do if it does not succeed; the exit code."""
    try:
        exit_code = run([*find_environment(), *arguments])
    except NoEnvironmentError as error:
        say(f"axion-gen: {error}")
        exit_code = 1
    if exit_code:
        script = Path("generator", Path(__file__).name)
        say(AFTERWARDS.format(script=script, arguments=shlex.join(arguments)))
    return exit_code


def find_environment() -> list[str]:
    """The command that is axion-gen in an environment that has its dependencies."""
    # Copier itself runs on Python 3.10 too.
    old = sys.version_info < (3, 11)
    if not old and fulfilled_here(dependencies()):
        return [sys.executable, "-m", "axion_gen"]
    if uvx := shutil.which("uvx"):
        say("axion-gen: running it with uvx ...")
        return [uvx, "--from", str(CLONE), "axion-gen"]
    if old:
        raise NoEnvironmentError(
            f"it needs Python 3.11 or newer, and this is {sys.version.split()[0]}:"
            " install uv (https://docs.astral.sh/uv/), or run Copier with a newer Python"
        )
    return [str(private_python(dependencies())), "-m", "axion_gen"]


def dependencies() -> list[str]:
    """The distributions that the generator needs, as this clone's pyproject.toml names them."""
    import tomllib  # not at the top: Python 3.10 has none, and is to reach the message above

    project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(requirement) for requirement in project["dependencies"]]


def fulfilled_here(requirements: list[str]) -> bool:
    """Whether the running Python has all of `requirements`."""
    try:
        from packaging.requirements import Requirement  # Copier's Python has it, others may not
    except ImportError:
        return False
    for text in requirements:
        requirement = Requirement(text)
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            return False
        if not requirement.specifier.contains(version, prereleases=True):
            return False
    return True


def private_python(requirements: list[str]) -> Path:
    """The Python of a virtual environment that has `requirements`, made if there is none."""
    identity = "\n".join([sys.executable, sys.version, *requirements])
    folder = cache_folder() / hashlib.sha256(identity.encode()).hexdigest()[:16]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"  # written last: what was interrupted is made anew
    if complete.exists():
        return python
    say(f"axion-gen: installing what it needs into {folder}, once ...")
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    try:
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([*pip, *requirements], check=True)
        complete.touch()
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoEnvironmentError(
            f"no environment could be made in {folder}: {error}\n"
            "Install uv (https://docs.astral.sh/uv/), or see to it that venv and pip work"
            f" with {sys.executable}"
        ) from None
    return python


def cache_folder() -> Path:
    """Where this user's programs keep what can be made again."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "axion-gen"


def run(command: list[str]) -> int:
    """Run a command with this clone's generator ahead of an installed one; its exit code."""
    paths = [str(CLONE / "generator"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",  # the clone may be a folder of the user's
    }
    return subprocess.run(command, env=environment, check=False).returncode


def say(text: str) -> None:
    """Tell the person who copies or updates."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
