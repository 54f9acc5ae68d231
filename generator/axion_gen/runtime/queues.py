"""Queues by key: one item of a key at a time, in order; different keys side by side."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")


class KeyQueues(Generic[KeyT, ItemT]):
    """A key is locked from its first item on, until that and all behind it are released.

    `take` gives the item that has been ready the longest; `release` makes the key's next
    item ready, behind those of other keys.
    """

    def __init__(self) -> None:
        self._ready: deque[tuple[KeyT, ItemT]] = deque()
        # The items behind the one of their key that is ready or out; mostly there are none.
        self._behind: dict[KeyT, deque[ItemT] | None] = {}

    def __len__(self) -> int:
        """How many items are ready."""
        return len(self._ready)

    def add(self, key: KeyT, item: ItemT) -> None:
        """Put an item behind the others of its key."""
        behind = self._behind
        if key not in behind:
            behind[key] = None
            self._ready.append((key, item))
            return
        items = behind[key]
        if items is None:
            behind[key] = deque((item,))
        else:
            items.append(item)

    def take(self) -> tuple[KeyT, ItemT]:
        """The next item; its key is locked until `release`. `IndexError` if none is ready."""
        return self._ready.popleft()

    def release(self, key: KeyT) -> None:
        """Unlock a key whose item is done."""
        items = self._behind[key]
        if items:
            self._ready.append((key, items.popleft()))
        else:
            del self._behind[key]

    def drop(self, which: Callable[[KeyT], bool]) -> int:
        """Forget the waiting items of some keys; what is out stays out. How many went."""
        dropped = 0
        kept: deque[tuple[KeyT, ItemT]] = deque()
        gone: set[KeyT] = set()
        for key, item in self._ready:
            if which(key):
                gone.add(key)
            else:
                kept.append((key, item))
        for key, items in self._behind.items():
            if items and which(key):
                dropped += len(items)
                items.clear()
        for key in gone:
            dropped += 1
            del self._behind[key]
        self._ready = kept
        return dropped
