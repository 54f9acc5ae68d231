"""A process of the demo: started, killed and started again, and stopped in the end."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from examples.demo import PATIENCE_S, StepFailedError


class Process:
    """Lives as long as the block; its log is shown when something has failed in it."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: dict[str, str]
    ) -> None:
        self._name = name
        self._command = command
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._log = folder.parent / f"{name}.log"

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it as a crash does: at once, wherever it is."""
        self._running.kill()
        self._running.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        self._running.send_signal(signal.SIGTERM)
        try:
            code: int | None = self._running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = None
        if isinstance(error, StepFailedError):
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
            raise StepFailedError(f"{error}\n--- {self._name}, the end of its log:\n{tail}")
        if error is None and code != 0:
            raise StepFailedError(f"the {self._name} ended with {code} on SIGTERM, not with 0")
