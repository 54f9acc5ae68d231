"""`--watch`: a run for each change of what the last run has read.

The files are looked at several times a second. That needs no library, and sees changes on mounted
and network folders too, for which no system sends events.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

INTERVAL_S: Final = 0.2
"""How often the files are looked at; a change counts once they have been still that long."""

Sight = dict[Path, tuple[int, int, int] | None]


def watch(run: Callable[[], Iterable[Path]]) -> None:
    """Run, and run again after each change, until KeyboardInterrupt.

    Args:
        run: does it, and says which files it depends on; they need not be there.
    """
    while True:
        # What changes while it runs is seen by its time.
        begun = time.time_ns()
        files = list(run())
        seen, ended = _look(files), time.time_ns()
        if not any(sight and begun <= sight[0] <= ended for sight in seen.values()):
            _wait(files, seen)


def _wait(files: list[Path], seen: Sight) -> None:
    while (now := _look(files)) == seen:
        time.sleep(INTERVAL_S)
    while True:
        time.sleep(INTERVAL_S)
        if (later := _look(files)) == now:
            return
        now = later


def _look(files: Iterable[Path]) -> Sight:
    return {file: _sight(file) for file in files}


def _sight(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
