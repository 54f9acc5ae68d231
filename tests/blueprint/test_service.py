"""A copied service, as its team finds it: it checks, tests and runs at once."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.servers import PostgreSQL

from .conftest import BIN, Finished, copy, in_service, make, run

NAMES = {
    "shortest": {"service_name": "s", "resource": "b"},
    "longest": {"service_name": "s" * 40, "resource": "r" * 20},
    "of several words": {"service_name": "order-service", "resource": "order-history"},
}


def test_its_own_tests_pass(service: Path) -> None:
    done = make(service, "test")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)
    assert "skipped" not in done.stdout


@pytest.mark.servers
def test_its_own_tests_pass_on_postgresql(service: Path, postgresql: PostgreSQL) -> None:
    done = make(service, "test", f"TEST_DATABASE_URL={postgresql.new_database()}")
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_its_routes_answer_as_its_openapi_document_says(service: Path) -> None:
    done = make(service, "test-contract")
    assert done.returncode == 0, done.stdout


def test_a_change_of_the_models_is_found_and_make_migration_writes_it(
    service: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "items"
    shutil.copytree(service, changed)
    models = changed / "src" / "items" / "models.py"
    column = "    name: Mapped[str] = mapped_column(String(200))\n"
    added = "    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)\n"
    models.write_text(models.read_text().replace(column, column + added))
    in_step = (sys.executable, "-m", "pytest", "--quiet", "tests/test_migrations.py")
    found = in_service(changed, *in_step)
    assert found.returncode == 1
    assert "seen_at" in found.stdout
    made = make(changed, "migration", "m=Seen when")
    assert made.returncode == 0, made.stderr
    again = in_service(changed, *in_step)
    assert again.returncode == 0, again.stdout
    linted = in_service(changed, BIN / "ruff", "check")
    assert linted.returncode == 0, linted.stdout


def test_its_own_check_passes(service: Path) -> None:
    done = make(service, "check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_any_names_make_well_formed_code(
    template: Path, tmp_path: Path, names: dict[str, str]
) -> None:
    service = copy(template, tmp_path / "new", names)
    for check in (("ruff", "check"), ("ruff", "format", "--check", "--diff"), ("mypy",)):
        done = in_service(service, BIN / check[0], *check[1:])
        assert done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
        return number


def test_make_run_and_make_hello_need_nothing_else(template: Path, tmp_path: Path) -> None:
    service = copy(template, tmp_path / "items")
    ports = {"HTTP_PORT": str(free_port()), "BROKER_PORT": str(free_port())}
    (service / ".venv").mkdir()
    (service / ".venv" / "installed").touch()
    running = subprocess.Popen(
        ["make", f"BIN={BIN}", "run"],
        cwd=service,
        env={**os.environ, **ports, "PYTHONPATH": "src"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_ready(ports["HTTP_PORT"])
        hello = subprocess.run(
            ["make", f"BIN={BIN}", "hello"],
            cwd=service,
            env={**os.environ, **ports},
            capture_output=True,
            text=True,
            check=False,
        )
        assert hello.returncode == 0, hello.stderr
        assert "-> succeeded" in hello.stdout
        os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C does
        running.wait(30)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    for port in ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0, f"{port} is still listening"


def wait_until_ready(port: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready"):
                return
        except OSError:
            assert time.monotonic() < deadline, "the service did not become ready"
            time.sleep(0.1)


def test_make_run_says_which_port_is_taken(service: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = f"HTTP_PORT={taken.getsockname()[1]}"
        done = in_service(service, "env", port, sys.executable, "scripts/run.py")
    assert done.returncode == 1
    assert "set HTTP_PORT to another" in done.stderr
    assert "Traceback" not in done.stderr


def test_make_hello_says_what_is_missing(service: Path) -> None:
    hello = in_service(
        service, "env", f"HTTP_PORT={free_port()}", sys.executable, "scripts/hello.py"
    )
    assert hello.returncode == 1
    assert "is `make run` running?" in hello.stderr
    assert "Traceback" not in hello.stderr


SOURCES = {
    "gh:owner/name": "git+https://github.com/owner/name@v1.2.0",
    "gl:owner/name": "git+https://gitlab.com/owner/name@v1.2.0",
    "git@host:owner/name.git": "git+ssh://git@host/owner/name.git@v1.2.0",
    "https://host/name.git": "git+https://host/name.git@v1.2.0",
    "git+https://host/name": "git+https://host/name@v1.2.0",
    "/a/path": "git+file:///a/path@v1.2.0",
}


@pytest.fixture
def generating(service: Path, tmp_path: Path) -> Path:
    """A folder with the script that generates, and with a `uvx` that says how it was called."""
    (tmp_path / "scripts").mkdir()
    shutil.copy2(service / "Makefile", tmp_path)
    shutil.copy2(service / "scripts" / "generate.py", tmp_path / "scripts")
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.write_text('#!/bin/sh\necho uvx "$@"\n')
    uvx.chmod(0o755)
    return tmp_path


def make_generate(folder: Path, answers: str) -> Finished:
    (folder / ".copier-answers.yml").write_text(answers)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    return run("make", "--silent", f"PYTHON={sys.executable}", "generate", cwd=folder, PATH=path)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("version", ["v1.2.0", "v1.1.0-4-g0a1b2c3"])
def test_make_generate_takes_the_version_of_the_last_update(
    generating: Path, source: str, version: str
) -> None:
    done = make_generate(generating, f"_commit: {version}\n_src_path: {source}\n")
    expected = SOURCES[source].replace("v1.2.0", version.rpartition("-g")[2])
    assert done.stdout == f"uvx --from {expected} axion-gen asyncapi.yaml --output src/items/bus\n"


def test_make_generate_wants_a_full_path(generating: Path) -> None:
    done = make_generate(generating, "_commit: v1.2.0\n_src_path: ../axion\n")
    assert done.returncode != 0
    assert "_src_path in .copier-answers.yml is '../axion'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("uv", [True, False], ids=["uvx", "pip"])
def test_make_generate_works_with_uv_and_without(template: Path, tmp_path: Path, uv: bool) -> None:
    service = copy(template, tmp_path / "items")
    lock = service / "src" / "items" / "bus" / "axion.lock"
    generated = lock.read_bytes()
    lock.write_bytes(generated.replace(b'"generator"', b'"by"'))
    # What this environment has is hidden, with or without uv.
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("git", "make", "sh", "sed", "tr", "touch", "env", "dirname", "realpath"):
        (tools / name).symlink_to(str(shutil.which(name)))
    if uv:
        (tools / "uv").symlink_to(BIN / "uv")
        (tools / "uvx").symlink_to(BIN / "uvx")
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    done = run("make", "generate", cwd=service, PATH=str(tools))
    assert done.returncode == 0, done.stdout + done.stderr
    assert lock.read_bytes() == generated


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("HTTP_PORT", "eighty", "HTTP_PORT: Input should be a valid integer"),
        ("DATABASE_URL", "nowhere", "DATABASE_URL cannot be used"),
        ("DATABASE_URL", "sqlite+aiosqlite:////no/such/folder/x.db", "cannot be reached"),
        ("DATABASE_URL", "sqlite+aiosqlite:///{folder}/new.db", "python -m items migrate"),
        ("KAFKA_RETRY_ATTEMPTS", "often", "KAFKA_RETRY_ATTEMPTS: Input should be"),
    ],
)
def test_a_bad_setting_is_one_clear_line(
    service: Path, tmp_path: Path, setting: str, value: str, said: str
) -> None:
    given = value.format(folder=tmp_path)
    command = ("env", f"{setting}={given}", sys.executable, "-m", "items")
    done = in_service(service, *command)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
