"""`postgresql` and `redis`: real servers of the machine's packages, for tests to break."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Final, TypeVar

import pytest

from tests.kafka.server import free_ports

PATIENCE_S: Final = 60.0

ServerT = TypeVar("ServerT", bound="Server")


class Server:
    """A process in a folder of its own, on a port of the loopback interface that it keeps."""

    def __init__(self, folder: Path, user: str | None = None) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self._user = user
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=subprocess.STDOUT, user=self._user
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"did not start: {self.command()[0]}\n{self._log.read_text()}")
            time.sleep(0.05)

    def end(self, number: int) -> None:
        """End by a signal, and wait until it has."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def stop(self) -> None:
        """End in order, and with every connection."""
        self.end(signal.SIGINT)

    def kill(self) -> None:
        """End as it would by a crash."""
        self.end(signal.SIGKILL)

    def run(self, *command: str | Path) -> str:
        """What a command of the server's package prints."""
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, check=False, user=self._user
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr}")
        return done.stdout


class PostgreSQL(Server):
    """PostgreSQL. It refuses to run as root, so where we are root it runs as another user."""

    def __init__(self, folder: Path) -> None:
        as_root = os.geteuid() == 0
        user = _first_user("postgres", "nobody") if as_root else None
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        super().__init__(folder, user)
        self._programs = _postgresql_programs()
        self._names = count(1)
        self.run(
            self._programs / "initdb",
            *("--pgdata", folder / "data", "--username", "axion", "--auth", "trust"),
            *("--encoding", "UTF8", "--no-locale", "--no-sync"),
        )

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # The tests kill the server, not the machine.
            "fsync": "off",
            "max_connections": "200",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        data = str(self.folder / "data")
        return [str(self._programs / "postgres"), "-D", data, "-p", str(self.port), *options]

    def answers(self) -> bool:
        where = ("-h", "127.0.0.1", "-p", str(self.port))
        return (
            subprocess.run(
                [str(self._programs / "pg_isready"), "-q", *where], check=False
            ).returncode
            == 0
        )

    def kill(self) -> None:
        """End as by a crash: what is not yet on disk is lost. Its children end with it."""
        self.end(signal.SIGQUIT)

    def new_database(self) -> str:
        """Create an empty database; the URL for SQLAlchemy."""
        name = f"test_{next(self._names)}"
        self.run(
            self._programs / "createdb",
            *("-h", "127.0.0.1", "-p", str(self.port), "-U", "axion", name),
        )
        return f"postgresql+asyncpg://axion@127.0.0.1:{self.port}/{name}"


class Redis(Server):
    """Redis. What it has acknowledged it still has after a stop."""

    def command(self) -> list[str]:
        return [
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--appendonly", "yes", "--save", ""),
        ]

    def answers(self) -> bool:
        ping = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), "ping"]
        return subprocess.run(ping, capture_output=True, check=False).stdout == b"PONG\n"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


def _postgresql_programs() -> Path:
    """Where Debian puts the programs of the newest version, or another system its only one."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])
    )
    found = str(versions[-1]) if versions else shutil.which("postgres")
    if found is None:
        raise LookupError("PostgreSQL is not installed: apt-get install postgresql")
    return Path(found).parent


def _redis(folder: Path) -> Redis:
    if shutil.which("redis-server") is None:
        raise LookupError("Redis is not installed: apt-get install redis-server")
    return Redis(folder)


def _first_user(*names: str) -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in names if name in known)


def _running(new: Callable[[Path], ServerT]) -> Iterator[ServerT]:
    # Not pytest's own folder: only its user may look into that.
    with tempfile.TemporaryDirectory(prefix="axion-tests-", ignore_cleanup_errors=True) as folder:
        missing = ""
        try:
            server = new(Path(folder))
        except LookupError as error:
            missing = str(error)
        if missing and os.environ.get("AXION_REQUIRE_SERVERS") == "1":
            pytest.fail(missing, pytrace=False)
        if missing:
            pytest.skip(missing)
        try:
            server.start()
            yield server
        finally:
            server.kill()  # what it holds is deleted anyway, and a stop may wait half a minute


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Running when the test begins; a test that stops it starts it again.

    Where it is not installed the tests are skipped; with AXION_REQUIRE_SERVERS=1 they fail.
    """
    yield from _running(PostgreSQL)


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """Likewise."""
    yield from _running(_redis)
