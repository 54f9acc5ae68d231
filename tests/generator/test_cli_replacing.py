"""The package is replaced as a whole or not at all, whoever dies, and whoever else writes."""

import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from axion_gen.output import recover, write

from .generating import axion_gen as run
from .projects import change, generated, own_check

WRITER = """
import sys, json
from pathlib import Path
from axion_gen import output
if sys.argv[2] == "renames":
    output._exchange = lambda one, other: False
folder = Path(sys.argv[1])
versions = json.loads(Path(sys.argv[3]).read_text())
print(flush=True)
while True:
    for files in versions:
        output.recover(folder)
        output.write(folder, files)
"""


def files_of(word: str) -> dict[str, str]:
    """A version of a package."""
    files = {f"{word}/{n}.py": f"{word} {n}" * 500 for n in range(20)}
    lock = json.dumps({"contract": {}, "files": dict.fromkeys(files, "")})
    return files | {"axion.lock": lock}


def held(folder: Path) -> set[str]:
    """The words of the versions whose files a folder holds, each checked to be complete."""
    words = {path.name for path in folder.iterdir() if path.is_dir()}
    for word in words:
        assert len(list((folder / word).iterdir())) == 20
        for path in (folder / word).iterdir():
            assert path.read_text() == f"{word} {path.stem}" * 500
    names = json.loads((folder / "axion.lock").read_text())["files"]
    assert {name.partition("/")[0] for name in names} == words
    return words


@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_killed_at_any_moment_it_leaves_one_version_or_the_other(tmp_path: Path, how: str) -> None:
    folder, versions = tmp_path / "items" / "bus", tmp_path / "versions.json"
    moments = random.Random(how)
    write(folder, files_of("old"))
    versions.write_text(json.dumps([files_of("new"), files_of("old")]))
    for _ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), how, str(versions)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + moments.random() * 0.06)
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
        process.stdout.close()
        if how == "renames":  # in between there is none; the next run puts it back
            recover(folder)
        assert len(held(folder)) == 1
    recover(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["bus"]


def test_a_run_cleans_up_what_a_killed_one_left(tmp_path: Path) -> None:
    generated(tmp_path)
    items = tmp_path / "src" / "items"
    (items / ".bus.axion-x1y2z3" / "new" / "runtime").mkdir(parents=True)
    assert run("api/asyncapi.yaml", cwd=tmp_path).out.startswith("unchanged")
    assert sorted(path.name for path in items.iterdir()) == ["__init__.py", "bus"]
    (items / ".bus.axion-x1y2z3").mkdir()
    (items / "bus").rename(items / ".bus.axion-x1y2z3" / "old")
    assert run("api/asyncapi.yaml", cwd=tmp_path).out.startswith("unchanged")


def test_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    generated(tmp_path)
    document = tmp_path / "api" / "asyncapi.yaml"
    running = []
    for number in range(4):
        change(document, f"title: Items{number or ''}\n", f"title: Items{number + 1}\n")
        command = [sys.executable, "-m", "axion_gen", "api/asyncapi.yaml"]
        running.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL))
    assert [process.wait(60) for process in running] == [0, 0, 0, 0]
    assert own_check(tmp_path).code == 0
    assert "Items4" in (tmp_path / "src" / "items" / "bus" / "topics.py").read_text()
    assert not list((tmp_path / "src" / "items").glob(".bus*"))


def test_what_cannot_be_written_is_an_error_and_leaves_all_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "bus", {"axion.lock": "", "a.py": "1"})
    with pytest.raises(Exception, match="cannot be written"):
        write(tmp_path / "bus", {"axion.lock": "", "a.py": "2", "a.py/b": "3"})
    assert (tmp_path / "bus" / "a.py").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["bus"]


def test_the_folder_keeps_its_mode_and_a_link_to_it_stays_one(tmp_path: Path) -> None:
    write(tmp_path / "bus", {"axion.lock": ""})
    (tmp_path / "bus").chmod(0o750)
    (tmp_path / "link").symlink_to("bus")
    write(tmp_path / "link", {"axion.lock": "", "a.py": ""})
    assert (tmp_path / "link").readlink() == Path("bus")
    assert (tmp_path / "bus" / "a.py").exists()
    assert (tmp_path / "bus").stat().st_mode & 0o777 == 0o750


def test_a_lock_that_was_changed_by_hand_hides_no_edit(tmp_path: Path) -> None:
    """The seal is over the hashes: with others, the package is generated to be compared."""
    generated(tmp_path)
    bus = tmp_path / "src" / "items" / "bus"
    lock = (bus / "axion.lock").read_text()
    edited = "# mine\n"
    (bus / "client.py").write_text(edited)
    old = json.loads(lock)["files"]["client.py"]
    (bus / "axion.lock").write_text(lock.replace(old, hashlib.sha256(edited.encode()).hexdigest()))
    assert own_check(tmp_path).code == 0
    answer = run("api/asyncapi.yaml", "--check", cwd=tmp_path)
    assert answer.code == 1
    assert "client.py" in answer.out


def test_warnings_are_said_every_time(tmp_path: Path) -> None:
    generated(tmp_path)
    change(
        tmp_path / "api" / "asyncapi.yaml",
        "channels:\n",
        "channels:\n  unused: {address: unused}\n",
    )
    for arguments in ([], [], ["--check"]):
        answer = run("api/asyncapi.yaml", *arguments, cwd=tmp_path)
        assert (answer.code, "warning[channel-unused]" in answer.err) == (0, True)
