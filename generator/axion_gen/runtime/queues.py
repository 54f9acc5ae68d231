"""Queues by key: one item of a key at a time, in order; different keys side by side."""

from collections import deque
from collections.abc import Collection, Hashable, Iterable
from typing import Generic, TypeVar

OwnerT = TypeVar("OwnerT")
ItemT = TypeVar("ItemT")


class Lane(Generic[OwnerT, ItemT]):
    """The keys that belong together, as those of a partition do."""

    __slots__ = ("behind", "owner")

    def __init__(self, owner: OwnerT) -> None:
        self.owner = owner
        self.behind: dict[Hashable, deque[ItemT] | None] = {}
        """For each locked key the items behind its first; mostly there are none."""


class KeyQueues(Generic[OwnerT, ItemT]):
    """A key is locked from its first item on, until that and all behind it are released.

    Take from the left of `ready`, the item that has been ready the longest; `release` makes
    the key's next item ready, behind those of other keys.
    """

    __slots__ = ("ready",)

    def __init__(self) -> None:
        self.ready: deque[tuple[Lane[OwnerT, ItemT], Hashable, ItemT]] = deque()
        """The keys of which an item may be taken, each with its lane and that item."""

    def add(self, lane: Lane[OwnerT, ItemT], pairs: Iterable[tuple[Hashable, ItemT]]) -> None:
        """Put items behind the others of their keys."""
        behind, make_ready = lane.behind, self.ready.append
        for key, item in pairs:
            if key not in behind:
                behind[key] = None
                make_ready((lane, key, item))
                continue
            items = behind[key]
            if items is None:
                behind[key] = deque((item,))
            else:
                items.append(item)

    def release(self, lane: Lane[OwnerT, ItemT], key: Hashable) -> None:
        """Unlock a key whose item is done."""
        items = lane.behind.pop(key)
        if items:
            self.ready.append((lane, key, items.popleft()))
            lane.behind[key] = items

    def drop(self, lanes: Collection[Lane[OwnerT, ItemT]]) -> list[Lane[OwnerT, ItemT]]:
        """Forget the waiting items of some lanes, what is out stays out. A lane for each item."""
        gone = [entry for entry in self.ready if entry[0] in lanes]
        self.ready = deque(entry for entry in self.ready if entry[0] not in lanes)
        dropped = [lane for lane, _, _ in gone]
        for lane in lanes:
            for items in lane.behind.values():
                if items:
                    dropped += [lane] * len(items)
                    items.clear()
        for lane, key, _ in gone:
            del lane.behind[key]
        return dropped
