"""Commits: of each partition, what is finished up to its first record that is not."""

import logging
from collections.abc import Callable, Collection

from .assignments import Assignment
from .kafka import CommitError, KafkaConsumer
from .statistics import Statistics

logger = logging.getLogger(__name__)


class Committer:
    """Commits for all partitions at once of which more is finished than before."""

    def __init__(self, kafka: Callable[[], KafkaConsumer], statistics: Statistics) -> None:
        self._kafka = kafka
        self._statistics = statistics
        self._refusal = ""
        """Why the last commit was refused, so that it is logged once."""

    async def commit(self, assignments: Collection[Assignment]) -> None:
        """Commit the positions of some partitions; what fails is left to the next commit."""
        due = [
            (assignment, position)
            for assignment in assignments
            if (position := assignment.tracker.position) not in (None, assignment.committed)
        ]
        if not due:
            return
        try:
            await self._kafka().commit({assignment.partition: at for assignment, at in due})
        except Exception as error:  # whatever it is, work goes on
            self._statistics.failed_commits += 1
            self._complain(error)
            return
        self._statistics.commits += 1
        if self._refusal:
            logger.warning("offsets are committed again")
            self._refusal = ""
        for assignment, position in due:
            assignment.committed = position

    def _complain(self, error: Exception) -> None:
        if repr(error) == self._refusal:
            return
        self._refusal = repr(error)
        if isinstance(error, CommitError):
            logger.warning("offsets not committed, tried again later: %s", error)
        else:
            logger.exception("offsets not committed, tried again later")
