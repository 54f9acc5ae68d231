"""`make generate`: axion-gen as it was in the version of the template that the service is at.

It runs in an environment of its own, for what it needs must not meet what the service needs:
one that uvx makes, or where there is no uvx, `.venv-axion-gen`, made with pip. The template is
fetched by git, with whatever keys and credentials git has; .copier-answers.yml has none.
The arguments are axion-gen's.
"""

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ANSWERS = Path(".copier-answers.yml")
PRIVATE = Path(".venv-axion-gen")
SHORTHANDS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}


def main() -> int:
    """Run axion-gen; its exit code."""
    try:
        template = f"git+{address(answer('_src_path'))}@{version(answer('_commit'))}"
    except (OSError, ValueError) as error:
        print(f"axion-gen: {error}", file=sys.stderr)
        return 2
    print(f"axion-gen: from {template}", file=sys.stderr)
    if uvx := shutil.which("uvx"):
        command = [uvx, "--from", template, "axion-gen"]
    else:
        command = [str(private_python(template)), "-m", "axion_gen"]
    return subprocess.run([*command, *sys.argv[1:]], check=False).returncode


def answer(name: str) -> str:
    """What Copier has noted; a long value is folded, and a special one quoted."""
    found = re.search(
        rf"^{name}: *(.*(?:\n +.*)*)", ANSWERS.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise ValueError(f"{ANSWERS} does not say {name}: set AXION_GEN to the command to run")
    value = " ".join(found[1].split())
    if value[:1] == "'":
        return value[1:-1].replace("''", "'")
    return value.strip('"')


def address(source: str) -> str:
    """The template's address as pip and uv take it; Copier takes several that they do not."""
    source = source.removeprefix("git+")
    for short, long in SHORTHANDS.items():
        source = re.sub(f"^{short}/?", long, source)
    if "://" in source:
        return source
    if scp := re.match(r"([\w.-]+@[\w.-]+):(?!//)(.+)", source):
        return f"ssh://{scp[1]}/{scp[2].lstrip('/')}"
    path = Path(source).expanduser()
    if not path.is_absolute():
        raise ValueError(
            f"_src_path in {ANSWERS} is {source!r}, and nobody knows any more from where: write"
            " the template's URL or its whole path there"
        )
    return path.as_uri()


def version(commit: str) -> str:
    """What git can check out: the tag, or of a commit behind one (v1.1.0-1-g1e20045) its SHA."""
    behind = re.fullmatch(r".+-[0-9]+-g([0-9a-f]{7,40})", commit)
    return behind[1] if behind else commit


def private_python(template: str) -> Path:
    """The Python of an environment that has this version of axion-gen, made if need be."""
    python = PRIVATE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    complete = PRIVATE / "complete"  # written last: what was interrupted is made anew
    if not complete.exists() or complete.read_text(encoding="utf-8") != template:
        print(f"axion-gen: installing it into {PRIVATE}, once a version ...", file=sys.stderr)
        venv.create(PRIVATE, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "install", template], check=False).returncode:
            sys.exit("axion-gen: pip could not install it; see above")
        complete.write_text(template, encoding="utf-8")
    return python


if __name__ == "__main__":
    sys.exit(main())
