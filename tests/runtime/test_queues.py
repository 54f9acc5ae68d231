"""A key's items come out in order, one at a time; other keys go on."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from axion_gen.runtime.queues import KeyQueues


class Queues(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queues: KeyQueues[str, int] = KeyQueues()
        self.waiting: dict[str, list[int]] = {}
        self.out: list[str] = []
        self.number = 0

    @rule(key=st.sampled_from("abc"))
    def add(self, key: str) -> None:
        self.number += 1
        self.queues.add([(key, self.number)])
        self.waiting.setdefault(key, []).append(self.number)

    @precondition(lambda self: bool(self.queues.ready))
    @rule()
    def take(self) -> None:
        key, item = self.queues.ready.popleft()
        assert key not in self.out
        assert item == self.waiting[key].pop(0)
        self.out.append(key)

    @precondition(lambda self: bool(self.out))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.out))
        self.out.remove(key)
        self.queues.release(key)

    @rule(keys=st.sets(st.sampled_from("abc")))
    def drop(self, keys: set[str]) -> None:
        expected = [key for key in keys for _ in self.waiting.pop(key, [])]
        assert sorted(self.queues.drop(lambda key: key in keys)) == sorted(expected)

    @invariant()
    def what_waits_and_is_not_locked_is_ready(self) -> None:
        ready = [key for key, items in self.waiting.items() if items and key not in self.out]
        assert sorted(key for key, _ in self.queues.ready) == sorted(ready)


TestQueues = Queues.TestCase
