"""The order of what is generated: what something is made of stands before it."""

from collections.abc import Collection, Iterator, Mapping

from .shapes import Alias, Class, Shape


def in_order(shapes: Mapping[str, Shape], wrapped: Collection[str] = ()) -> list[Shape]:
    """The shapes in the order of the document, but each behind what it is made of.

    What a class only mentions stands before it, too, if that is not itself made of the class.

    Args:
        shapes: by name.
        wrapped: aliases that are left out where nothing mentions them.
    """
    mentioned = {name for shape in shapes.values() for name in _mentioned(shape)}
    order = _Order(shapes)
    for name in shapes:
        order.put(name)
    return [
        shapes[name]
        for name in order.done
        if name in mentioned or name not in wrapped or not isinstance(shapes[name], Alias)
    ]


class _Order:
    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self.done: dict[str, None] = {}
        self._shapes = shapes
        self._begun: set[str] = set()
        self._needs: dict[str, frozenset[str]] = {}

    def put(self, start: str) -> None:
        """Put a shape behind what it needs; without recursion, as chains may be long."""
        stack = [(start, iter([*self._needed(start), *self._mentioned(start)]))]
        self._begun.add(start)
        while stack:
            name, others = stack[-1]
            other = next((o for o in others if self._is_free(o)), None)
            if other is None:
                stack.pop()
                self.done.setdefault(name)
                continue
            self._begun.add(other)
            stack.append((other, iter([*self._needed(other), *self._mentioned(other)])))

    def _is_free(self, name: str) -> bool:
        """Whether neither it nor what it needs waits for something itself."""
        if name in self._begun:
            return False
        return not any(n in self._begun and n not in self.done for n in self._all_needed(name))

    def _all_needed(self, start: str) -> frozenset[str]:
        if start not in self._needs:
            waiting, found = [start], set[str]()
            while waiting:
                for name in self._needed(waiting.pop()):
                    if name not in found:
                        found.add(name)
                        waiting.append(name)
            self._needs[start] = frozenset(found)
        return self._needs[start]

    def _needed(self, name: str) -> list[str]:
        shape = self._shapes[name]
        if isinstance(shape, Class):
            return shape.bases
        if isinstance(shape, Alias) and not refers_to_itself(shape, self._shapes):
            return list(shape.type.names())
        return []

    def _mentioned(self, name: str) -> list[str]:
        return list(_mentioned(self._shapes[name]))


def refers_to_itself(alias: Alias, shapes: Mapping[str, Shape]) -> bool:
    """Whether an alias leads to its own name through nothing but aliases."""
    waiting, seen = [alias], {alias.name}
    while waiting:
        for name in waiting.pop().type.names():
            shape = shapes.get(name)
            if name == alias.name:
                return True
            if isinstance(shape, Alias) and name not in seen:
                seen.add(name)
                waiting.append(shape)
    return False


def later(shapes: list[Shape]) -> list[str]:
    """The classes that mention something behind them, or what does: pydantic completes them."""
    place = {shape.name: number for number, shape in enumerate(shapes)}
    incomplete = {
        shape.name
        for shape in shapes
        if any(place.get(name, -1) > place[shape.name] for name in _mentioned(shape))
    }
    changed = bool(incomplete)
    while changed:
        more = {
            shape.name
            for shape in shapes
            if shape.name not in incomplete and incomplete.intersection(_mentioned(shape))
        }
        incomplete |= more
        changed = bool(more)
    return [s.name for s in shapes if isinstance(s, Class) and s.name in incomplete]


def _mentioned(shape: Shape) -> Iterator[str]:
    if isinstance(shape, Alias):
        yield from shape.type.names()
    elif isinstance(shape, Class):
        yield from shape.bases
        for field in shape.fields.values():
            yield from field.type.names()
        if shape.extra is not None:
            yield from shape.extra.names()
