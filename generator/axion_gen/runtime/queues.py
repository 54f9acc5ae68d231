"""Queues by key: one item of a key at a time, in order; different keys side by side."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ItemT = TypeVar("ItemT")


class KeyQueues(Generic[KeyT, ItemT]):
    """A key is locked from its first item on, until that and all behind it are released.

    Take from the left of `ready`, the item that has been ready the longest; `release` makes
    the key's next item ready, behind those of other keys.
    """

    __slots__ = ("_behind", "ready")

    def __init__(self) -> None:
        self.ready: deque[tuple[KeyT, ItemT]] = deque()
        """The keys of which an item may be taken, each with that item."""
        # The items behind the one of their key that is ready or out; mostly there are none.
        self._behind: dict[KeyT, deque[ItemT] | None] = {}

    def add(self, pairs: Iterable[tuple[KeyT, ItemT]]) -> None:
        """Put items behind the others of their keys."""
        behind, make_ready = self._behind, self.ready.append
        for pair in pairs:
            key = pair[0]
            if key not in behind:
                behind[key] = None
                make_ready(pair)
                continue
            items = behind[key]
            if items is None:
                behind[key] = deque((pair[1],))
            else:
                items.append(pair[1])

    def release(self, key: KeyT) -> None:
        """Unlock a key whose item is done."""
        items = self._behind.pop(key)
        if items:
            self.ready.append((key, items.popleft()))
            self._behind[key] = items

    def drop(self, which: Callable[[KeyT], bool]) -> list[KeyT]:
        """Forget the waiting items of some keys, what is out stays out. A key for each item."""
        kept: deque[tuple[KeyT, ItemT]] = deque()
        gone: list[KeyT] = []
        for key, item in self.ready:
            if which(key):
                gone.append(key)
            else:
                kept.append((key, item))
        self.ready = kept
        dropped = gone.copy()
        for key, items in self._behind.items():
            if items and which(key):
                dropped += [key] * len(items)
                items.clear()
        for key in gone:
            del self._behind[key]
        return dropped
