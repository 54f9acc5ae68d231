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

    @rule(lane=st.sampled_from(LANES), key=st.sampled_from("abc"))
    def add(self, lane: str, key: str) -> None:
        self.number += 1
        self.queues.add(self.lanes[lane], [(key, self.number)])
        self.waiting.setdefault((lane, key), []).append(self.number)

    @precondition(lambda self: bool(self.queues.ready))
    @rule()
    def take(self) -> None:
        lane, key, item = self.queues.ready.popleft()
        place = (lane.owner, str(key))
        assert place not in self.out
        assert item == self.waiting[place].pop(0)
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
    def what_waits_and_is_not_locked_is_ready(self) -> None:
        ready = [place for place, items in self.waiting.items() if items and place not in self.out]
        found = [(lane.owner, str(key)) for lane, key, _ in self.queues.ready]
        assert sorted(found) == sorted(ready)


TestQueues = Queues.TestCase
