"""Addresses with parameters that a topic's name does not tell apart."""

import re
from collections.abc import Iterator
from typing import Final

from ..asyncapi.contract import Contract, Topic
from ..asyncapi.diagnostics import Diagnostics, shown
from .addresses import choices_of

_IN_BRACES: Final = re.compile(r"\{[^{}]*\}")
_VALUE: Final = "[a-zA-Z0-9_-]+"


def check_overlaps(contract: Contract, diagnostics: Diagnostics) -> None:
    """Warn of addresses whose names may be those of other ones, or of other values."""
    received = [
        topic
        for topic in contract.topics
        if topic.parameters and contract.messages(topic, "receive")
    ]
    for topic, other in _pairs(received):
        diagnostics.add(
            "topic-overlap",
            f"the addresses {shown(other.address)} and {shown(topic.address)} may be one topic,"
            " which is then taken for the first",
            topic.location,
            "tell them apart by a fixed part, or by an `enum` for each parameter",
        )
    for topic in received:
        _check_neighbours(topic, diagnostics)


def _pairs(topics: list[Topic]) -> Iterator[tuple[Topic, Topic]]:
    """Those that overlap with one before."""
    # Where the first parts are fixed and differ there is nothing to compare.
    before: dict[tuple[int, str], list[Topic]] = {}
    for topic in topics:
        parts = topic.address.split(".")
        first = "" if "{" in parts[0] else parts[0]
        places = [(len(parts), first), (len(parts), "")]
        if not first:
            places = [place for place in before if place[0] == len(parts)]
        for place in places:
            for other in before.get(place, ()):
                if _overlap(topic, other):
                    yield topic, other
        before.setdefault((len(parts), first), []).append(topic)


def _overlap(one: Topic, other: Topic) -> bool:
    parts = zip(one.address.split("."), other.address.split("."), strict=True)
    return all(_may_be_equal(a, one, b, other) for a, b in parts)


def _may_be_equal(a: str, one: Topic, b: str, other: Topic) -> bool:
    """Whether two parts of addresses, between dots, may be the same text."""
    if "{" not in a and "{" not in b:
        return a == b
    if "{" not in a:
        return re.fullmatch(_expression(b, other), a) is not None
    if "{" not in b:
        return re.fullmatch(_expression(a, one), b) is not None
    values, others = _values(a, one), _values(b, other)
    if values is not None:
        return any(re.fullmatch(_expression(b, other), value) for value in values)
    if others is not None:
        return any(re.fullmatch(_expression(a, one), value) for value in others)
    begins = sorted((_IN_BRACES.split(a)[0], _IN_BRACES.split(b)[0]), key=len)
    ends = sorted((_IN_BRACES.split(a)[-1], _IN_BRACES.split(b)[-1]), key=len)
    return begins[1].startswith(begins[0]) and ends[1].endswith(ends[0])


def _expression(part: str, topic: Topic) -> str:
    choices = {parameter.name: choices_of(parameter) for parameter in topic.parameters}
    found = re.split(r"(\{[^{}]*\})", part)
    return "".join(
        f"(?:{'|'.join(map(re.escape, choices.get(text[1:-1], ()))) or _VALUE})"
        if text.startswith("{")
        else re.escape(text)
        for text in found
    )


def _values(part: str, topic: Topic) -> list[str] | None:
    """All that a part with one parameter may be; none if that is not known."""
    choices = {parameter.name: choices_of(parameter) for parameter in topic.parameters}
    names = [name[1:-1] for name in _IN_BRACES.findall(part)]
    if len(names) != 1 or not choices.get(names[0]):
        return None
    begin, end = _IN_BRACES.split(part)
    return [f"{begin}{choice}{end}" for choice in choices[names[0]]]


def _check_neighbours(topic: Topic, diagnostics: Diagnostics) -> None:
    """Between two parameters of any value there must be something that no value has."""
    fixed = {parameter.name for parameter in topic.parameters if choices_of(parameter)}
    names = [name[1:-1] for name in _IN_BRACES.findall(topic.address)]
    between = _IN_BRACES.split(topic.address)[1:-1]
    for left, text, right in zip(names, between, names[1:], strict=False):
        if not re.search(r"[a-zA-Z0-9.]", text) and not {left, right} & fixed:
            diagnostics.add(
                "parameters-ambiguous",
                f"in {shown(topic.address)} a topic's name does not tell where {shown(left)} ends"
                f" and {shown(right)} begins",
                topic.location,
                "put a dot between them, or give one an `enum`",
            )
