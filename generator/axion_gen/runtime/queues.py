"""Queues by key: one item of a key at a time, in order; different keys side by side."""

from collections import deque
from collections.abc import Collection, Hashable, Iterable
from itertools import repeat
from typing import Generic, TypeVar

OwnerT = TypeVar("OwnerT")
ItemT = TypeVar("ItemT")


class Lane(Generic[OwnerT, ItemT]):
    """The keys that belong together, as those of a partition do."""

    __slots__ = ("behind", "owner")

    def __init__(self, owner: OwnerT) -> None:
        self.owner = owner
        self.behind: dict[Hashable, deque[ItemT] | None] = {}
        """For each locked key the items that wait; mostly there are none."""


class KeyQueues(Generic[OwnerT, ItemT]):
    """Lets one item of a key be at work at a time, in order; different keys side by side.

    Take from the left of `ready`. What is done at once needs nothing else. Else `lock` its
    key; an item whose key is locked when it is taken has to `wait` behind the others of its
    key; `release` makes the key's next item ready, behind those of other keys.
    """

    __slots__ = ("ready",)

    def __init__(self) -> None:
        self.ready: deque[tuple[Lane[OwnerT, ItemT], Hashable, ItemT]] = deque()
        """What may be taken, in order, each with its lane and its key."""

    def add(
        self, lane: Lane[OwnerT, ItemT], keys: Iterable[Hashable], items: Iterable[ItemT]
    ) -> None:
        """Put items behind those that are here."""
        self.ready.extend(zip(repeat(lane), keys, items, strict=False))

    def wait(self, lane: Lane[OwnerT, ItemT], key: Hashable, item: ItemT) -> bool:
        """Have an item wait for its locked key; not the one that has been waited for."""
        items = lane.behind[key]
        if items is None:
            lane.behind[key] = deque((item,))
        elif items and items[0] is item:
            items.popleft()
            return False
        else:
            items.append(item)
        return True

    def lock(self, lane: Lane[OwnerT, ItemT], key: Hashable) -> None:
        """Have what comes with this key wait for what is at work."""
        lane.behind.setdefault(key)

    def release(self, lane: Lane[OwnerT, ItemT], key: Hashable) -> None:
        """Unlock a key whose item is done, or have the next one of it taken."""
        items = lane.behind[key]
        if items:
            self.ready.append((lane, key, items[0]))
        else:
            del lane.behind[key]

    def drop(self, lanes: Collection[Lane[OwnerT, ItemT]]) -> list[Lane[OwnerT, ItemT]]:
        """Forget the waiting items of some lanes, what is out stays out. A lane for each item."""
        gone = [entry for entry in self.ready if entry[0] in lanes]
        self.ready = deque(entry for entry in self.ready if entry[0] not in lanes)
        dropped = [lane for lane, _, _ in gone]
        for lane, key, item in gone:
            items = lane.behind.get(key)
            if items and items[0] is item:  # nothing of its key is out
                del lane.behind[key]
                dropped += [lane] * (len(items) - 1)
        for lane in lanes:
            for items in lane.behind.values():
                if items:
                    dropped += [lane] * len(items)
                    items.clear()
        return dropped
