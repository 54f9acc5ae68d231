"""Services of every version become current: the template's own history holds it to that.

What `copier update` does without a word, delete what the template has dropped, forget what it has
renamed, swap what a lost choice had brought, would fail here before it is released.
"""

import sys
from pathlib import Path

import pytest

from ..conftest import commit, copier, git, in_service, run
from ..releases import RELEASES, blueprints, configuration, here, present
from .conftest import NOW, Copied, append, each, starts, unmerged, update

START = pytest.mark.parametrize(("blueprint", "version", "target"), starts())
ANSWERS = ".copier-answers.yml"
BINARY = b"\x89PNG\r\n\x1a\n\0 the user's own"


def tracked(service: Path) -> list[str]:
    return [name for name in git(service, "ls-files", "-z").split("\0") if name]


def generated(path: str) -> bool:
    return "/bus/" in path


def the_users(path: str) -> bool:
    """Whether an update leaves the file alone, by `_skip_if_exists`."""
    return path in ("asyncapi.yaml", "src/items/handlers.py") or generated(path)


def check_generated(history: Path, service: Path, target: str) -> None:
    """The generated package is what the generator of the target makes of the contract."""
    if not (service / "asyncapi.yaml").exists():
        return
    proved = in_service(service, sys.executable, "-m", "items.bus", "check")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    git(history, "checkout", "--quiet", target)
    command = (*["-m", "axion_gen", "asyncapi.yaml", "--output", "src/items/bus", "--check"],)
    generator = {"PYTHONPATH": str(history / "generator"), "PYTHONDONTWRITEBYTECODE": "1"}
    same = run(sys.executable, *command, cwd=service, **generator)
    assert same.returncode == 0, same.stdout + same.stderr


def test_every_released_version_is_in_this_clone() -> None:
    if git(Path(__file__).parent, "rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("a shallow clone has no history: git fetch --unshallow")
    assert [version for version, released in RELEASES.items() if not present(released)] == []


@START
def test_an_unedited_service_becomes_a_fresh_one(
    history: Path, copied: Copied, copied_once: Copied, blueprint: str, version: str, target: str
) -> None:
    service, fresh = copied(blueprint, version), copied_once(blueprint, target, version)
    update(service, target)
    assert unmerged(service) == []
    commit(service, "Update")
    left = set(tracked(service)) - set(tracked(fresh))
    assert [path for path in left if not generated(path) and not excluded(path)] == []
    for path in tracked(fresh):
        if path != ANSWERS and not the_users(path):
            assert (service / path).read_bytes() == (fresh / path).read_bytes(), path
    assert f"_commit: {target}" in (service / ANSWERS).read_text()
    check_generated(history, service, target)
    update(service, target)
    assert git(service, "status", "--porcelain", "--ignored") == ""


def excluded(path: str) -> bool:
    """Whether a release has dropped the path and left it to the user."""
    return f"/{path}" in configuration(here).get("_exclude", [])


@START
def test_not_a_line_of_the_users_is_lost(
    history: Path, copied: Copied, blueprint: str, version: str, target: str
) -> None:
    service = copied(blueprint, version)
    edited = [path for path in tracked(service) if not generated(path) and path != ANSWERS]
    for path in edited:
        content = (service / path).read_bytes()
        (service / path).write_bytes(BINARY if b"\0" in content else content + b"# mine\n")
    (service / "src" / "items" / "mine.py").write_text('"""The user\'s own."""\n')
    if (service / "asyncapi.yaml").exists():
        append(service / "asyncapi.yaml", "x-mine: yes\n")
        generator = (sys.executable, "-m", "axion_gen", "asyncapi.yaml", "--output")
        git(history, "checkout", "--quiet", version)
        made = run(*generator, "src/items/bus", cwd=service, PYTHONPATH=str(history / "generator"))
        assert made.returncode == 0, made.stderr
    edited.remove("Dockerfile")
    git(service, "rm", "--quiet", "--force", "Dockerfile")
    commit(service, "Edit everything, and delete a file")
    before = {path: (service / path).read_bytes() for path in edited}

    update(service, target)

    assert not (service / "Dockerfile").exists()
    gone = [path for path in edited if not (service / path).exists()]
    assert gone == [], "dropped or renamed: name them in _exclude (docs/releasing.md)"
    for path, content in before.items():
        after = (service / path).read_bytes()
        assert after == content or b"# mine\n" in after, f"{path} lost what was the user's"
        assert after == content or not the_users(path), f"{path} is the user's, and has changed"
    check_generated(history, service, target)
    conflicts = unmerged(service)
    for path in edited:
        marked = b"<<<<<<< before updating" in (service / path).read_bytes()
        assert marked == (path in conflicts), path


@each("event-worker", "http-gateway")
@pytest.mark.parametrize("version", [*RELEASES][-1:])
def test_a_checkout_without_symbolic_links_is_updated_alike(
    copied: Copied, copied_once: Copied, blueprint: str, version: str
) -> None:
    if not present(RELEASES[version]):
        pytest.skip("a shallow clone has no history: git fetch --unshallow")
    service = copied(blueprint, version)
    config = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.symlinks"}
    done = copier(*("update", "--vcs-ref", NOW), cwd=service, **config, GIT_CONFIG_VALUE_0="false")
    assert done.returncode == 0, done.stderr
    fresh = copied_once(blueprint, NOW, version)
    for path in tracked(fresh):
        if path != ANSWERS and not the_users(path):
            assert (service / path).read_bytes() == (fresh / path).read_bytes(), path


def test_nothing_is_shipped_that_the_service_ignores(copied_once: Copied) -> None:
    for blueprint in blueprints(here):
        ignored = git(copied_once(blueprint, NOW), "status", "--porcelain", "--ignored")
        assert ignored == "", blueprint
