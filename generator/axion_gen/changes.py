"""What a new package has that the old one had not, for the person who changes the document."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .lock import Surface

_USES = ("receives", "sends")


class Kind(StrEnum):
    """What happened to a message."""

    NEW = "new"
    REMOVED = "removed"
    RENAMED = "renamed"


@dataclass(frozen=True, slots=True)
class Change:
    """One message that is no longer what it was."""

    kind: Kind
    topic: str
    name: str
    """Of a renamed message the new one."""
    use: str
    """What the service does with it: `receives`, `sends` or both."""
    handler: str | None = None
    """The method that handles it, if it is received."""
    before: str | None = None
    """The name of a renamed message until now."""
    handler_before: str | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    use: str
    handler: str | None
    shape: str


def changes(before: Surface, after: Surface) -> list[Change]:
    """What changed, in the order of the topics; the removed ones of each topic last."""
    return [
        change
        for topic in dict.fromkeys([*after, *before])
        for change in _of_topic(topic, before.get(topic, {}), after.get(topic, {}))
    ]


def _of_topic(topic: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    old = {name: _entry(text) for name, text in before.items()}
    new = {name: _entry(text) for name, text in after.items()}
    gone = [name for name in old if name not in new]
    found: list[Change] = []
    for name, entry in new.items():
        if name in old:
            found += _turned(topic, name, old[name], entry)
            continue
        same = [was for was in gone if _alike(old[was], entry)]
        rivals = [other for other in new if other not in old and _alike(new[other], entry)]
        if len(same) == len(rivals) == 1:
            was = same[0]
            gone.remove(was)
            found.append(
                Change(Kind.RENAMED, topic, name, entry.use, entry.handler, was, old[was].handler)
            )
        else:
            found.append(Change(Kind.NEW, topic, name, entry.use, entry.handler))
    found += [Change(Kind.REMOVED, topic, n, old[n].use, old[n].handler) for n in gone]
    return found


def _turned(topic: str, name: str, old: _Entry, new: _Entry) -> list[Change]:
    """A message that stays, but is sent or received now and was not before, or no longer is."""
    found: list[Change] = []
    for use, received in (("receives", True), ("sends", False)):
        was, now = use in old.use.split(" and "), use in new.use.split(" and ")
        if now and not was:
            found.append(Change(Kind.NEW, topic, name, use, new.handler if received else None))
        elif was and not now:
            found.append(Change(Kind.REMOVED, topic, name, use, old.handler if received else None))
    return found


def _alike(one: _Entry, other: _Entry) -> bool:
    return (one.use, one.shape) == (other.use, other.shape)


def _entry(text: str) -> _Entry:
    """An entry as `surface` writes it; of a text that is none, what there is."""
    words = text.split(" ")
    handler = words[1] if words[0] == "receives" and len(words) > 1 else None
    use = " and ".join(word for word in _USES if word in words)
    return _Entry(use, handler, words[-1])
