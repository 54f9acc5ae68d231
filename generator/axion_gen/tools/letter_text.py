"""Dead letters as text and as JSON.

What is in them was written by anybody: none of it reaches the terminal as a control character.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

from ..runtime.dead_letters import Letter
from ..runtime.headers import MESSAGE_TYPE

LONGEST_VALUE: Final = 16 * 1024
"""So many characters of a value are shown; `--format json` has all."""
_LONGEST_TEXT: Final = 100
_SHORTEST_ID: Final = 8
_COLUMNS: Final = ("ID", "AGE", "RECORD", "TYPE", "ATTEMPTS", "REPLAYS", "ERROR")


def short_ids(ids: list[str]) -> dict[str, str]:
    """Each id cut to the shortest length at which all differ."""
    length = _SHORTEST_ID
    while len({identifier[:length] for identifier in ids}) < len(set(ids)):
        length += 1
    return {identifier: identifier[:length] for identifier in ids}


def row(letter: Letter, now: float) -> dict[str, Any]:
    """A letter in a list, for programs; small enough to keep many."""
    origin = letter.origin
    return {
        "id": letter.id,
        "failed_at": letter.failed_at,
        "age_s": max(0, round(now - letter.failed_at / 1000)),
        "topic": origin and origin.topic,
        "partition": origin and origin.partition,
        "offset": origin and origin.offset,
        "message_type": message_type(letter),
        "error_type": letter.error_type,
        "error_message": letter.error_message,
        "attempts": letter.attempts,
        "replays": letter.replays,
    }


def table(rows: list[dict[str, Any]], width: int | None) -> Iterator[str]:
    """The lines of a list, cut to the width of the terminal if there is one."""
    short = short_ids([entry["id"] for entry in rows])
    lines: list[tuple[str, ...]] = [_COLUMNS]
    for entry in rows:
        cells = (
            short[entry["id"]],
            age(entry["age_s"]),
            place(entry["topic"], entry["partition"], entry["offset"]),
            _short(entry["message_type"] or "-"),
            str(entry["attempts"]),
            str(entry["replays"]),
            _short(": ".join(filter(None, (entry["error_type"], entry["error_message"])))),
        )
        lines.append(cells)
    last = len(_COLUMNS) - 1
    widths = [max(cell_len(line[column]) for line in lines) for column in range(last)]
    for line in lines:
        padded = (set_cell_size(cell, size) for cell, size in zip(line, widths, strict=False))
        text = "  ".join((*padded, line[last]))
        yield text if width is None or cell_len(text) <= width else set_cell_size(text, width)


def as_json(letter: Letter, now: float) -> dict[str, Any]:
    """A whole letter, for programs."""
    return {
        **row(letter, now),
        "timestamp": letter.origin and letter.origin.timestamp,
        "group": letter.group,
        "service": letter.service,
        "stack_trace": letter.stack_trace,
        "letter": {"partition": letter.partition, "offset": letter.offset},
        "key": _bytes_as_json(letter.key),
        "headers": [[name, _bytes_as_json(value)] for name, value in letter.headers],
        "value": _bytes_as_json(letter.value),
    }


def as_text(letter: Letter, topic: str, now: float) -> Iterator[str]:
    """A whole letter, for people, line by line."""
    origin = letter.origin
    failed = f"{time_of(letter.failed_at)}, {age(now - letter.failed_at / 1000)} ago"
    facts = {
        "id": letter.id,
        "failed": failed,
        "record": "unknown: it cannot be replayed, only discarded"
        if origin is None
        else f"{place(origin.topic, origin.partition, origin.offset)}, {time_of(origin.timestamp)}",
        "letter": place(topic, letter.partition, letter.offset),
        "service": f"{letter.service or '-'}, group {letter.group or '-'}",
        "type": message_type(letter) or "-",
        "attempts": f"{letter.attempts}, replays {letter.replays}",
        "error": ": ".join(filter(None, (letter.error_type, letter.error_message))),
        "key": "none" if letter.key is None else next(_lines(letter.key), "empty"),
    }
    for name, fact in facts.items():
        yield f"{name:10}{printable(fact)}"
    if letter.headers:
        yield "headers"
        for name, value in letter.headers:
            text = "none" if value is None else printable(value.decode(errors="backslashreplace"))
            yield f"  {printable(name)}  {text}"
    if letter.stack_trace:
        yield "stack trace"
        yield from (f"  {printable(line)}" for line in letter.stack_trace.splitlines())
    if letter.value is None:
        yield "value     none: a tombstone"
    else:
        yield f"value     {len(letter.value):,} bytes"
        yield from (f"  {line}" for line in _lines(letter.value))


def place(topic: str | None, partition: int | None, offset: int | None) -> str:
    """Where a record is: topic, partition and offset."""
    return "unknown" if topic is None else f"{topic}[{partition}]@{offset}"


def message_type(letter: Letter) -> str | None:
    """The type that the record says it has."""
    value = next((value for name, value in letter.headers if name == MESSAGE_TYPE), None)
    return None if value is None else value.decode(errors="replace")


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def time_of(milliseconds: int) -> str:
    """A time in UTC; what no calendar has is given as the number."""
    if milliseconds < 0:
        return "time unknown"
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def printable(text: str) -> str:
    """One line without control characters, those that turn text around included."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def _short(text: str) -> str:
    text = printable(" ".join(text[: 4 * _LONGEST_TEXT].split()))
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _lines(value: bytes) -> Iterator[str]:
    """A value as JSON or text, or else its bytes in hexadecimal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        shown = value[: LONGEST_VALUE // 4]
        for start in range(0, len(shown), 32):
            yield shown[start : start + 32].hex(" ")
        more = len(value) - len(shown)
    else:
        text = _indented(text)
        yield from (printable(line) for line in text[:LONGEST_VALUE].splitlines())
        more = len(text) - LONGEST_VALUE
    if more > 0:
        yield f"… {more:,} more: --format json has all"


def _indented(text: str) -> str:
    """JSON with a line for each member, if that changes nothing else of it."""
    try:
        content = json.loads(text)
        for separators in ((",", ":"), (", ", ": ")):
            if json.dumps(content, ensure_ascii=False, separators=separators) == text:
                return json.dumps(content, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        pass
    return text


def _bytes_as_json(raw: bytes | None) -> object:
    """Bytes as a string where they are UTF-8, else as an object with `base64`."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
