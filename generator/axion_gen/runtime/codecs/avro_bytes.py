"""Where bytes are not what an Avro schema says, found without making values of them.

A few bytes may say that they are very deep, or very many, or a number of a million digits. What
reads them in C would not come back from that, or would take the process with it: so a schema
that has room for such is walked through before. Of any other it is only said where its bytes are
wrong, once they were.
"""

from typing import Any, Final

from ..errors import InvalidMessageError

MAX_DEPTH: Final = 100
"""So deep may values lie in each other; more than enough for people."""
MOST_EMPTY: Final = 1000
"""So many values may take no byte each, in all lists of a payload together."""
MOST_DIGITS: Final = 10_000
SPARE_BYTES: Final = 8
_LONG_BYTES: Final = 10
_FIXED_SIZES: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_NAMED: Final = ("record", "error", "enum", "fixed")


class Walk:
    """Walks through the bytes of payloads of one schema, as fastavro has parsed it."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._named: dict[str, Any] = {}
        self._open: set[str] = set()
        self.is_needed = False
        """Whether its payloads are walked through before they are read."""
        self._look(schema, 0)

    def check(self, value: bytes) -> None:
        """Refuse bytes that are no payload.

        Raises:
            InvalidMessageError: they are none; it says where.
        """
        _Bytes(value, self._named).walk(self._schema, (), 0)

    def _look(self, schema: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError("it is too deep")
        if isinstance(schema, str):
            self.is_needed |= schema in self._open  # it has itself within it
        elif isinstance(schema, list):
            for part in schema:
                self._look(part, depth + 1)
        else:
            type_, name = schema["type"], schema.get("name", "")
            if type_ in _NAMED:
                self._named[name] = schema
                self._open.add(name)
            # A list of what takes no bytes may be endless.
            self.is_needed |= type_ == "array" and self._may_be_empty(schema["items"], 0)
            self.is_needed |= schema.get("logicalType") == "decimal"
            for part in schema.get("fields", ()):
                self._look(part["type"], depth + 1)
            for key in ("items", "values"):
                if key in schema:
                    self._look(schema[key], depth + 1)
            self._open.discard(name)

    def _may_be_empty(self, schema: Any, depth: int) -> bool:
        if isinstance(schema, list):
            return False  # the number of the branch takes one
        if isinstance(schema, str):
            named = self._named.get(schema)
            return schema == "null" if named is None else self._may_be_empty(named, depth + 1)
        if schema["type"] == "fixed":
            return not schema["size"]
        if depth > MAX_DEPTH:
            return True
        if schema["type"] in ("record", "error"):
            return all(self._may_be_empty(part["type"], depth + 1) for part in schema["fields"])
        return bool(schema["type"] == "null")


class _Bytes:
    """The bytes of one payload, and how far they are read."""

    def __init__(self, value: bytes, named: dict[str, Any]) -> None:
        self._value = value
        self._named = named
        self._at = 0
        self._values_left = len(value) + MOST_EMPTY

    def walk(self, schema: Any, path: tuple[str, ...], depth: int) -> None:
        """Go behind the next value."""
        if depth > MAX_DEPTH:
            raise _wrong(path, f"it is more than {MAX_DEPTH} deep")
        if isinstance(schema, str) and schema in self._named:
            self.walk(self._named[schema], path, depth + 1)
            return
        if isinstance(schema, list):
            self.walk(schema[self._choice(path, len(schema), "types")], path, depth + 1)
            return
        if isinstance(schema, str):
            self._single(schema, schema, path)
            return
        type_ = schema["type"]
        if type_ in ("record", "error"):
            for part in schema["fields"]:
                self.walk(part["type"], (*path, part["name"]), depth + 1)
        elif type_ in ("array", "map"):
            self._blocks(schema, path, depth)
        else:
            self._single(type_, schema, path)

    def _single(self, type_: str, schema: Any, path: tuple[str, ...]) -> None:
        """A value that no other lies in."""
        if type_ == "enum":
            self._choice(path, len(schema["symbols"]), "symbols")
        elif type_ == "fixed":
            self._take(schema["size"], path)
            self._number(schema, schema["size"], path)
        elif type_ in ("bytes", "string"):
            self._text(schema, type_, path)
        elif type_ in ("int", "long"):
            self._long(path)
        else:
            self._take(_FIXED_SIZES[type_], path)

    def _choice(self, path: tuple[str, ...], count: int, of: str) -> int:
        choice = self._long(path)
        if not 0 <= choice < count:
            raise _wrong(path, f"it is none of the {count} {of}")
        return choice

    def _blocks(self, schema: Any, path: tuple[str, ...], depth: int) -> None:
        place = 0
        while count := self._long(path):
            if count < 0:
                count = -count
                self._long(path)  # how many bytes the block has
            for _ in range(count):
                self._values_left -= 1
                if self._values_left < 0:
                    raise _wrong(path, "it says that it has more values than bytes")
                name = str(place)
                if schema["type"] == "map":
                    name = "value"
                    self._take(self._long(path), path)
                self.walk(schema.get("items") or schema["values"], (*path, name), depth + 1)
                place += 1

    def _text(self, schema: Any, type_: str, path: tuple[str, ...]) -> None:
        size = self._long(path)
        text = self._take(size, path)
        if type_ == "string":
            try:
                text.decode()
            except UnicodeDecodeError:
                raise _wrong(path, "it is not UTF-8") from None
        else:
            self._number(schema, size, path)

    def _number(self, schema: Any, size: int, path: tuple[str, ...]) -> None:
        """Refuse a number that has more digits than its schema says: it would take minutes."""
        if not isinstance(schema, dict) or schema.get("logicalType") != "decimal":
            return
        # A byte holds more than two digits.
        if size > min(schema["precision"], MOST_DIGITS) / 2 + SPARE_BYTES:
            raise _wrong(path, f"the number has more than {schema['precision']} digits")

    def _long(self, path: tuple[str, ...]) -> int:
        value = shift = 0
        for _ in range(_LONG_BYTES):
            byte = self._take(1, path)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
        raise _wrong(path, "the number is longer than 64 bits")

    def _take(self, size: int, path: tuple[str, ...]) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._value):
            raise _wrong(path, "the payload ends before it does")
        taken = self._value[self._at : end]
        self._at = end
        return taken


def _wrong(path: tuple[str, ...], what: str) -> InvalidMessageError:
    place = ".".join(path[:20])[:200] or "payload"
    return InvalidMessageError(f"the payload is no Avro: {place}: {what}")
