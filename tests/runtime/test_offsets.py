"""Never beyond what is finished without a hole, never behind it."""

from hypothesis import given
from hypothesis import strategies as st

from axion_gen.runtime.offsets import OffsetTracker
from axion_gen.runtime.testing.memory import MemoryRecord


def at(offset: int) -> MemoryRecord:
    return MemoryRecord("topic", 0, offset, 0, None, None, ())


def test_gaps_in_offsets_are_no_holes() -> None:
    tracker = OffsetTracker()
    for offset in (0, 5, 9):
        record = at(offset)
        tracker.take([record])
        tracker.finish(record)
    assert tracker.position == 10


def test_nothing_finished_commits_nothing() -> None:
    tracker = OffsetTracker()
    tracker.take([at(3)])
    assert tracker.position is None


@given(st.data())
def test_position_is_behind_the_last_of_the_finished_without_a_hole(data: st.DataObject) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 10**12), min_size=1, max_size=60)))
    order = data.draw(st.permutations(offsets))
    ends = order[: data.draw(st.integers(0, len(order)))]
    tracker = OffsetTracker()
    records = {offset: at(offset) for offset in offsets}
    tracker.take(records.values())
    finished: set[int] = set()
    for offset in ends:
        tracker.finish(records[offset])
        finished.add(offset)
        covered = []
        for taken in offsets:
            if taken not in finished:
                break
            covered.append(taken)
        assert tracker.position == (covered[-1] + 1 if covered else None)
        assert tracker.in_flight == len(offsets) - len(covered)
