"""What may be committed of a partition whose records end out of order."""

from collections import deque
from collections.abc import Iterable

from .headers import Record


class OffsetTracker:
    """Remembers what was taken, and up to where everything is finished.

    Offsets have gaps (compaction, transaction markers), so the tracker follows what was
    delivered, in order, and never counts:

        taken        0  5  9  12
        finished     0     9          ->  position 1: 5 is still being handled
        finished     0  5  9          ->  position 10: the next one to read, if it exists
    """

    __slots__ = ("_ended", "_open", "position")

    def __init__(self) -> None:
        self._open: deque[Record] = deque()
        self._ended: set[int] = set()
        self.position: int | None = None
        """The offset to commit: behind the last one before which all are finished."""

    @property
    def in_flight(self) -> int:
        """How many records are taken and not yet covered by `position`."""
        return len(self._open)

    @property
    def oldest(self) -> Record | None:
        """The first record that is not finished, if there is one."""
        try:
            return self._open[0]
        except IndexError:  # asked from another thread, it may be gone by now
            return None

    def take(self, records: Iterable[Record]) -> None:
        """Note delivered records; they come with rising offsets."""
        self._open.extend(records)

    def finish(self, record: Record) -> None:
        """Note that a taken record is processed."""
        taken, ended, offset = self._open, self._ended, record.offset
        if taken[0] is not record:
            ended.add(offset)
            return
        taken.popleft()
        while ended and taken[0].offset in ended:
            offset = taken.popleft().offset
            ended.remove(offset)
        self.position = offset + 1
