"""Addresses with parameters: a class for each, whose fields are the parameters."""

import keyword
import re
from dataclasses import dataclass
from typing import Final

from ..asyncapi.contract import Parameter, Topic
from ..asyncapi.diagnostics import Diagnostics, shown
from .names import attribute_name, class_name

_VALUE: Final = re.compile(r"[a-zA-Z0-9_-]+")
_CHOICE: Final = re.compile(r"[a-zA-Z0-9._-]+")
_TAKEN: Final = frozenset({"address", "of"})
"""What the classes have beside their fields."""


@dataclass(frozen=True, slots=True)
class ParameterView:
    """A parameter of an address, as the templates see it."""

    name: str
    attribute: str
    description: str
    choices: tuple[str, ...]
    default: str | None


def address_class(address: str) -> str | None:
    """`orders.{region}` -> `OrdersRegionTopic`."""
    return class_name(f"{address} topic")


def parameters(topic: Topic, diagnostics: Diagnostics) -> tuple[ParameterView, ...]:
    """The parameters of an address; what no topic can be called by is diagnosed and left out."""
    views: dict[str, ParameterView] = {}
    for parameter in topic.parameters:
        attribute = wanted = _attribute(parameter.name)
        while attribute in views:
            attribute += "_"
        if attribute != wanted:
            diagnostics.add(
                "name-collision",
                f"the parameters {shown(views[wanted].name)} and {shown(parameter.name)} are"
                f" both `{wanted}` in Python: this one is `{attribute}`",
                parameter.location,
                "give one of them another name",
            )
        choices = choices_of(parameter)
        default = parameter.default
        fits = default in choices if choices else _VALUE.fullmatch(default or "")
        if len(choices) < len(parameter.choices) or (default is not None and not fits):
            _warn(parameter, choices, diagnostics)
        views[attribute] = ParameterView(
            name=parameter.name,
            attribute=attribute,
            description=_described(parameter),
            choices=choices,
            default=default if fits else None,
        )
    return tuple(views.values())


def choices_of(parameter: Parameter) -> tuple[str, ...]:
    """Its values, but for those that no topic can be called by."""
    return tuple(choice for choice in parameter.choices if _CHOICE.fullmatch(choice))


def _attribute(name: str) -> str:
    if name.isidentifier() and not keyword.iskeyword(name) and name[0] != "_":
        return f"{name}_" if name in _TAKEN else name
    made = attribute_name(name)
    return f"{made}_" if made in _TAKEN else made


def _described(parameter: Parameter) -> str:
    examples = ", ".join(parameter.examples)
    return "\n\n".join(
        text for text in (parameter.description, examples and f"For example {examples}.") if text
    )


def _warn(parameter: Parameter, choices: tuple[str, ...], diagnostics: Diagnostics) -> None:
    left_out = [choice for choice in parameter.choices if choice not in choices]
    what = shown(left_out[0]) if left_out else f"its default, {shown(parameter.default or '')},"
    diagnostics.add(
        "parameter-value",
        f"the parameter {shown(parameter.name)} cannot be {what} in a topic's name: that is left"
        " out",
        parameter.location,
        "use letters, digits, `_` and `-`; a default is one of `enum`, where there is one",
    )
