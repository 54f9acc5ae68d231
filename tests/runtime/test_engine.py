"""Whatever happens, in whatever order: nothing lost, keys in order, commits contiguous.

`engine.py` says what must never happen; here it is provoked.
"""

import asyncio
from typing import ClassVar, Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from axion_gen.runtime.kafka import Partition

from .engine import PARTITIONS, Ending, Log, Process

KEYS = st.sampled_from([b"a", b"b", None])
ENDINGS: st.SearchStrategy[Ending] = st.sampled_from(
    ["well", "well", "well", "temporary", "permanent", "outage"]
)
ENDS = st.lists(st.tuples(st.integers(0, 2), ENDINGS, st.booleans()), min_size=1, max_size=6)


class Engine(RuleBasedStateMachine):
    ordering: ClassVar[Literal["key", "partition"]] = "key"

    def __init__(self) -> None:
        super().__init__()
        self.log = Log()
        self.revoking = False
        self.failed = False

    @initialize(chunk=st.integers(1, 7))
    def begin(self, chunk: int) -> None:
        self.process = Process(self.log, self.ordering, chunk)

    # What comes

    @rule(
        records=st.lists(
            st.tuples(st.sampled_from(PARTITIONS), KEYS, st.integers(0, 2)), min_size=2, max_size=9
        )
    )
    def records_come(self, records: list[tuple[Partition, bytes | None, int]]) -> None:
        for record in records:
            self.log.write(*record)
        self.process.pass_time(0.2)

    @rule(seconds=st.sampled_from([0.05, 0.3, 2.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.process.pass_time(seconds)

    @rule(partition=st.sampled_from(PARTITIONS), more=st.integers(1, 3), deleted=st.booleans())
    def offsets_are_no_records(self, partition: Partition, more: int, deleted: bool) -> None:
        """Any more: they were deleted, which is known only of what was not read. Or never were."""
        log, position = self.log, self.process.kafka.positions.get(partition)
        if not deleted:
            log.ends[partition] += more
        elif position is not None:
            begin = min(position + more, log.ends[partition])
            log.begins[partition] = max(log.begins[partition], begin)
        self.process.pass_time(0.2)

    # How handlers end

    @precondition(lambda self: bool(self.process.running))
    @rule(ends=ENDS)
    def handlers_end(self, ends: list[tuple[int, Ending, bool]]) -> None:
        for which, how, committed in ends:
            running = self.process.running
            if running:
                self.process.end(running[which % len(running)], how)
            if committed:
                self.process.pass_time(0.6)

    # What Kafka does

    @rule(commits=st.booleans(), letters=st.booleans())
    def what_is_written_fails(self, commits: bool, letters: bool) -> None:
        self.process.commits_fail, self.process.letters_fail = commits, letters

    @precondition(lambda self: not self.revoking)
    @rule()
    def partitions_are_revoked(self) -> None:
        """The drain begins; rules that follow happen meanwhile."""
        process = self.process
        self.revocation = process.loop.create_task(process.kafka.revoke())
        self.revoking = True
        process.pass_time()

    @precondition(lambda self: self.revoking)
    @rule(share=st.sets(st.sampled_from(PARTITIONS)), elsewhere=st.integers(0, 4))
    def partitions_are_given_out(self, share: set[Partition], elsewhere: int) -> None:
        self._end_of_revocation()
        # Another member has had them meanwhile, and has done some of what there was.
        for partition in PARTITIONS:
            begin = self.log.committed.get(partition, 0)
            done = self.log.between(partition, begin, self.log.ends[partition])[:elsewhere]
            for record in done:
                self.log.processed.add((partition, record.offset))
                self.log.commit(partition, record.offset + 1)
        self.process.share = share
        self.process.loop.run(self.process.kafka.assign(share))
        self.process.pass_time()

    @precondition(lambda self: not self.revoking)
    @rule()
    def the_consumer_breaks(self) -> None:
        self.process.kafka.broken = True
        self.process.pass_time(30.0)

    @rule(kill=st.booleans(), chunk=st.integers(1, 7))
    def the_process_is_started_again(self, kill: bool, chunk: int) -> None:
        if self.revoking and not kill:
            self._end_of_revocation()
        self.revoking = False
        if kill:
            self.process.kill()
        else:
            self.process.stop()
        self.process = Process(self.log, self.ordering, chunk)

    def _end_of_revocation(self) -> None:
        self.process.loop.run(_end_of(self.revocation))
        self.revoking = False

    # What must hold

    @invariant()
    def limits_hold(self) -> None:
        if hasattr(self, "process"):
            self.failed = True
            self.process.check()
            self.failed = False

    def teardown(self) -> None:
        """In the end all is done: for that nothing may have been lost, nor stand still."""
        if not hasattr(self, "process"):
            return
        process = self.process
        try:
            if self.failed:
                return
            if self.revoking:
                self.partitions_are_given_out(set(PARTITIONS), 0)
            process.commits_fail = process.letters_fail = False
            process.share = set(PARTITIONS)
            process.loop.run(_again(process))
            for partition in PARTITIONS:
                self.log.write(partition, b"last", 0)
            for _ in range(400):
                process.pass_time(1.0)
                while process.running:
                    process.end(process.running[0], "well")
                if not self.log.open:
                    break
            assert not self.log.open, "it is neither processed nor lost: it stands still"
            process.check()
        finally:
            process.kill()


def test_what_comes_is_taken_while_a_handler_waits() -> None:
    """At once, and not with the next sign of life."""
    log = Log()
    process = Process(log, "key", chunk=1)
    for key, partition in zip((b"a", b"b"), PARTITIONS, strict=False):
        log.write(partition, key, 0)
        process.pass_time(0.5)
    assert [run.key for run in process.running] == [b"a", b"b"]
    process.check()
    process.kill()


async def _end_of(task: "asyncio.Task[None]") -> None:
    await task


async def _again(process: Process) -> None:
    await process.kafka.revoke()
    await process.kafka.assign(process.share)


class EngineByPartition(Engine):
    ordering = "partition"


TestEngine = Engine.TestCase
TestEngineByPartition = EngineByPartition.TestCase
for machine in (Engine, EngineByPartition):
    machine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
