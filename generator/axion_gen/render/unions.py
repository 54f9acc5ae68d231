"""Unions: the types of their options, and what these are called."""

from typing import TYPE_CHECKING, Final

from ..asyncapi.contract import Definition
from . import leaves
from .composing import PREFIX, Composed, part, parts
from .names import class_name, name_part
from .shapes import Type

if TYPE_CHECKING:
    from .definitions import Shaper

COMMON: Final = {"type", "description", "title", "default"}
"""What a definition may say beside its parts without being more than they are."""
MAX_COMBINED: Final = 300
"""How many options may come of unions that must be fulfilled at once; then some are left out."""


class UnionMaker:
    """Makes the types of unions.

    Args:
        shaper: makes the types of their options.
    """

    def __init__(self, shaper: "Shaper") -> None:
        self._shaper = shaper
        self._combined = 0

    def make(self, composed: Composed, name: str, *, top: bool) -> Type:
        """The type of a value of one of several; `name` and `top` as for `Shaper.type`."""
        union = composed.unions[0]
        options = self._with_rest(composed, name)
        some = [option for option in options if not is_null(option)]
        null = len(some) < len(options)
        types: list[Type] = []
        ids: list[str | None] = []
        for number, option in enumerate(some, 1):
            single = len(some) == 1
            called = name if single else name + self._word(option, number)
            types.append(self._shaper.type(option, called, top=top and single))
            reference = option.get("$ref")
            ids.append(reference.removeprefix(PREFIX) if isinstance(reference, str) else None)
        before = list(types)
        made = leaves.any_of(types, null=null)
        if made.kind == "union":
            made.told_by = union.discriminator
            flat = made.parts == before
            self._shaper.unions.append((made, ids if flat else [None] * len(made.parts)))
        return made

    def _with_rest(self, composed: Composed, name: str) -> list[Definition]:
        """The options of a union, each with what the union says beside them."""
        union, others = composed.unions[0], composed.unions[1:]
        own = composed.own
        if not composed.bases and not others and own.keys() <= COMMON:
            type_ = own.get("type")
            if type_ is None:
                return union.options
            return [
                option
                if option.keys() & {"$ref", "type", "allOf", "anyOf", "oneOf", "const"}
                else option | {"type": type_}
                for option in union.options
            ]
        rest: Definition = {k: v for k, v in own.items() if k not in ("description", "default")}
        all_of: list[Definition] = [{"$ref": PREFIX + base} for base in composed.bases]
        if rest.keys() - {"type"} or not all_of:
            all_of.append(rest)
        if "properties" in rest:
            all_of = [{"$ref": PREFIX + self._shaper.pseudo(f"{name}Base", {"allOf": all_of})}]
        # Each of these is put together with each of those, and so on.
        self._combined += len(union.options) if others else 0
        if self._combined < MAX_COMBINED:
            all_of += [{"anyOf": other.options} for other in others]
        return [{"allOf": [*all_of, option], **_title(option)} for option in union.options]

    def _word(self, option: Definition, number: int) -> str:
        """What tells an option's name from the others': not where it stands, if possible."""
        title = option.get("title")
        if isinstance(title, str) and class_name(title):
            return name_part(title)
        for definition in (option, *reversed(parts(option, "allOf"))):
            reference = definition.get("$ref")
            if isinstance(reference, str):
                id_ = reference.removeprefix(PREFIX)
                if id_ in self._shaper.payloads and not id_.startswith("+"):
                    return self._shaper.payloads[id_]
            for value in (part(definition, "properties") or {}).values():
                constant = value.get("const") if isinstance(value, dict) else None
                if isinstance(constant, str) and class_name(constant):
                    return name_part(constant)
        return f"Option{number}"


def is_null(option: Definition) -> bool:
    """Whether null is all that fulfils it."""
    return option.get("type") == "null" or option.get("const", ...) is None


def _title(option: Definition) -> Definition:
    return {"title": option["title"]} if "title" in option else {}
