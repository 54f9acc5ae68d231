"""Queues by key: one item of a key at a time, in order; different keys side by side."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")


class KeyQueues(Generic[KeyT, ItemT]):
    """A key is ready while it has items and none of them is out.

    `take` gives the next item of the key that has been ready the longest and locks the
    key; `release` unlocks it, and lets another key go first.
    """

    def __init__(self) -> None:
        self._items: dict[KeyT, deque[ItemT]] = {}
        self._ready: deque[KeyT] = deque()

    def __len__(self) -> int:
        """How many keys are ready."""
        return len(self._ready)

    def add(self, key: KeyT, item: ItemT) -> None:
        """Put an item behind the others of its key."""
        items = self._items.get(key)
        if items is not None:
            items.append(item)
        else:
            self._items[key] = deque((item,))
            self._ready.append(key)

    def take(self) -> tuple[KeyT, ItemT]:
        """The next item; its key is locked until `release`. `IndexError` if none is ready."""
        key = self._ready.popleft()
        return key, self._items[key].popleft()

    def release(self, key: KeyT) -> None:
        """Unlock a key whose item is done."""
        if self._items[key]:
            self._ready.append(key)
        else:
            del self._items[key]

    def drop(self, which: Callable[[KeyT], bool]) -> int:
        """Forget the waiting items of some keys; what is out stays out. How many went."""
        dropped = 0
        ready = set(self._ready)
        for key in [key for key in self._items if which(key)]:
            dropped += len(self._items[key])
            self._items[key].clear()
            if key in ready:
                del self._items[key]
        self._ready = deque(key for key in self._ready if key in self._items)
        return dropped
