"""A key's items come out in order, one at a time; other keys go on."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from axion_gen.runtime.queues import KeyQueues, Lane

LANES = ("left", "right")


class Queues(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queues: KeyQueues[str, int] = KeyQueues()
        self.lanes = {name: Lane[str, int](name) for name in LANES}
        self.waiting: dict[tuple[str, str], list[int]] = {}
        self.out: list[tuple[str, str]] = []
        self.number = 0

    @rule(lane=st.sampled_from(LANES), keys=st.lists(st.sampled_from("abc")))
    def add(self, lane: str, keys: list[str]) -> None:
        numbers = [self.number + index for index, _ in enumerate(keys)]
        self.number += len(keys)
        self.queues.add(self.lanes[lane], keys, numbers)
        for key, number in zip(keys, numbers, strict=True):
            self.waiting.setdefault((lane, key), []).append(number)

    @precondition(lambda self: bool(self.queues.ready))
    @rule(at_once=st.booleans())
    def take(self, at_once: bool) -> None:
        lane, key, item = self.queues.ready.popleft()
        place = (lane.owner, str(key))
        locked = key in lane.behind
        if locked and self.queues.wait(lane, key, item):
            assert place in self.out or item != self.waiting[place][0]
            return
        assert place not in self.out
        assert item == self.waiting[place].pop(0)
        if locked or not at_once:
            self.queues.lock(lane, key)
            self.out.append(place)

    @precondition(lambda self: bool(self.out))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lane, key = place = data.draw(st.sampled_from(self.out))
        self.out.remove(place)
        self.queues.release(self.lanes[lane], key)

    @rule(names=st.sets(st.sampled_from(LANES)))
    def drop(self, names: set[str]) -> None:
        places = [place for place in self.waiting if place[0] in names]
        expected = [place[0] for place in places for _ in self.waiting.pop(place)]
        dropped = self.queues.drop([self.lanes[name] for name in names])
        assert sorted(lane.owner for lane in dropped) == sorted(expected)

    @invariant()
    def what_waits_for_nothing_is_ready(self) -> None:
        ready = [(lane.owner, str(key), item) for lane, key, item in self.queues.ready]
        for place, items in self.waiting.items():
            if items and place not in self.out:
                assert (*place, items[0]) in ready


TestQueues = Queues.TestCase
