"""Addresses with parameters: `orders.{region}` stands for one topic for each value of `region`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import TYPE_CHECKING, ClassVar, Final, Self

if TYPE_CHECKING:
    from .contract import Topic

LONGEST_NAME: Final = 249
"""The length of a topic's name that Kafka takes, its prefix included."""
MOST_NAMES: Final = 1000
"""Where the choices of parameters make more names than that, they are not listed."""
TOPIC_NAME: Final = re.compile(r"(?!\.{1,2}\Z)[a-zA-Z0-9._-]{1,249}")  # Kafka's own rule

NOT_OPEN: Final = ("-dlq", "-replay")
"""How the topics end that the runtime has for itself: no address with parameters means them."""

_VALUE: Final = "[a-zA-Z0-9_-]+"
"""No dot: what is between two dots is one value."""
_IN_BRACES: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands in braces in an address."""

    name: str
    choices: tuple[str, ...] = ()
    """All values there are; none: letters, digits, `_` and `-`."""
    default: str | None = None

    @property
    def expression(self) -> str:
        """A regular expression for its values."""
        return "|".join(map(re.escape, self.choices)) or _VALUE

    def fault(self, value: object) -> str | None:
        """What is wrong with a value; none if it can stand in a topic's name."""
        if self.choices:
            return None if value in self.choices else f"is none of {', '.join(self.choices)}"
        if isinstance(value, str) and re.fullmatch(_VALUE, value):
            return None
        return "is more than letters, digits, `_` and `-`"


@dataclass(frozen=True)  # no slots: the address is kept
class TopicAddress:
    """The base of the generated classes for addresses with parameters, which are its fields.

    Raises:
        ValueError: a value is none of the parameter's, or the address is longer than 249
            characters.
    """

    _topic: ClassVar["Topic"]
    """The topic of the contract; its parameters are in the order of the fields."""

    def __post_init__(self) -> None:
        """Refuse what would be another topic, or none."""
        for field, parameter in zip(fields(self), self._topic.parameters, strict=True):
            value = getattr(self, field.name)
            if fault := parameter.fault(value):
                raise ValueError(f"{type(self).__name__}: {field.name}={value!r} {fault}")
        if len(self.address) > LONGEST_NAME:
            raise ValueError(
                f"{type(self).__name__}: the address has {len(self.address)} characters,"
                f" a topic's name {LONGEST_NAME} at most"
            )

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """The topic with these parameters, by their names in the contract: `context.parameters`.

        Raises:
            LookupError: one is missing.
            ValueError: see above.
        """
        names = (parameter.name for parameter in cls._topic.parameters)
        return cls(**{f.name: parameters[name] for f, name in zip(fields(cls), names, strict=True)})

    @cached_property
    def address(self) -> str:
        """The topic's address, the values in it, without `KAFKA_TOPIC_PREFIX`."""
        names = (parameter.name for parameter in self._topic.parameters)
        values = (getattr(self, field.name) for field in fields(self))
        return filled(self._topic.address, dict(zip(names, values, strict=True)))


def filled(address: str, values: Mapping[str, str]) -> str:
    """An address with values in the place of its parameters.

    Raises:
        LookupError: one has no value.
    """
    return _IN_BRACES.sub(lambda found: values[found[1]], address)


def fillings(parameters: Sequence[Parameter]) -> list[dict[str, str]] | None:
    """All values that parameters have together; none if they are not known, or more than 1,000."""
    if not 0 < prod(len(parameter.choices) for parameter in parameters) <= MOST_NAMES:
        return None
    keys = [parameter.name for parameter in parameters]
    return [
        dict(zip(keys, values, strict=True))
        for values in product(*(parameter.choices for parameter in parameters))
    ]


def names(address: str, parameters: Sequence[Parameter]) -> tuple[str, ...] | None:
    """The topics of an address, without the prefix; none where they are not known."""
    all_ = fillings(parameters)
    return None if all_ is None else tuple(filled(address, values) for values in all_)


def family(name: str, topic: "Topic") -> str:
    """What the numbers of a topic are counted under: its name, its parameters in braces again."""
    if not topic.values:
        return name
    return name.removesuffix(filled(topic.address, topic.values)) + topic.address


class Topics(Mapping[str, "Topic"]):
    """Topics by their names on Kafka. Those that are known beforehand are listed.

    Another is found where its name fits an address. A topic of an address with parameters
    bears the values that its name has for them.
    """

    def __init__(
        self, topics: Iterable["Topic"], prefix: str = "", others: Iterable["Topic"] = ()
    ) -> None:
        """Of `topics`; a name that one of `others` has for itself is none of theirs."""
        self._prefix = prefix
        self._known: dict[str, Topic] = {}
        self._open: list[tuple[str, Topic]] = []
        """Regular expressions, and the topics whose names they fit."""
        for topic in sorted(topics, key=lambda topic: not topic.parameters):
            listed = _listed(topic, prefix)
            self._known |= listed
            if not listed:
                self._open.append((_expression(topic, prefix, len(self._open)), topic))
        self._taken = {name for topic in others for name in _listed(topic, prefix)}

    def plus(self, topic: "Topic") -> "Topics":
        """These, and one topic more, by its address."""
        more = Topics((), self._prefix)
        more._known = {**self._known, topic.address: topic}
        more._open, more._taken = self._open, self._taken
        return more

    @property
    def pattern(self) -> str | None:
        """What fits the name of each of the topics, and no other; none where all are listed."""
        if not self._open:
            return None
        listed = "".join(f"{re.escape(name)}|" for name in self._known)
        taken = "".join(f"|{re.escape(name)}" for name in sorted(self._taken))
        own = "|".join(f".*{ending}" for ending in NOT_OPEN)
        fits = "|".join(expression for expression, _ in self._open)
        return rf"(?:{listed}(?!(?:{own}{taken})\Z)(?:{fits}))\Z"

    @property
    def described(self) -> str:
        """The topics, for people; those that are not listed by their addresses."""
        return ", ".join((*self._known, *(self._prefix + topic.address for _, topic in self._open)))

    def __getitem__(self, name: str) -> "Topic":
        """The topic of a name."""
        known = self._known.get(name)
        if known is not None:
            return known
        if name not in self._taken and not name.endswith(NOT_OPEN):
            for expression, topic in self._open:
                found = re.fullmatch(expression, name)
                if found is not None:
                    values = zip(_in_order(topic.address), found.groups(), strict=True)
                    return replace(topic, values=dict(values))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def also(topics: Mapping[str, "Topic"], topic: "Topic") -> Mapping[str, "Topic"]:
    """Topics, and one more, by its address."""
    if isinstance(topics, Topics):
        return topics.plus(topic)
    return {**topics, topic.address: topic}


def _listed(topic: "Topic", prefix: str) -> dict[str, "Topic"]:
    """The topics of an address that are known beforehand, by their names."""
    if not topic.parameters:
        return {prefix + topic.address: topic}
    return {
        prefix + filled(topic.address, values): replace(topic, values=values)
        for values in fillings(topic.parameters) or ()
    }


def _in_order(address: str) -> dict[str, None]:
    """The parameters of an address, in the order in which they first stand there."""
    return dict.fromkeys(_IN_BRACES.findall(address))


def _expression(topic: "Topic", prefix: str, number: int) -> str:
    """What fits the names of the topics of an address: a group for each parameter.

    Groups of several expressions in one have different names.
    """
    declared = {parameter.name: parameter for parameter in topic.parameters}
    groups = {name: f"t{number}_{place}" for place, name in enumerate(_in_order(topic.address))}
    seen: set[str] = set()
    parts = [re.escape(prefix)]
    # Literal text and names of parameters take turns.
    for place, part in enumerate(_IN_BRACES.split(topic.address)):
        if not place % 2:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={groups[part]})")
        else:
            seen.add(part)
            parts.append(f"(?P<{groups[part]}>{declared[part].expression})")
    return "".join(parts)
